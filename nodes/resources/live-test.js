/* global $, wardForms */
/**
 * "Test" in the form of a source node: reads the device as the form stands, before it is deployed, and shows what comes: values, how the line is
 * doing, and bytes that were refused. It only reads; nothing of it is stored.
 */
globalThis.wardTest = (() => {
  // The editor loads the files of a plugin in any order: others are looked for when they are needed.
  const text = (key, values) => wardForms.text(key, values);
  const POLL_MS = 500;
  /** Dot of the status line, as under a node in the flow. */
  const LOOKS = {
    online: "ward-good",
    stale: "ward-warn",
    connecting: "ward-wait",
    negotiating: "ward-wait",
    backoff: "ward-bad",
    closed: "ward-off",
  };
  let running = null;

  /** Puts the button and the place for results into a form; returns the row of the button. `subject` gives what to test as the form stands. */
  function open(container, subject) {
    const row = $("<div>", { class: "form-row ward-test-head" }).appendTo(container.empty());
    const button = $("<button>", { type: "button", class: "red-ui-button" }).appendTo(row);
    const state = $("<span>", { class: "ward-test-state", role: "status" }).appendTo(row);
    const results = $("<div>", { class: "ward-test-results" }).appendTo(container);
    const view = { button, state, results };
    label(button, false);
    button.on("click", () => {
      if (running === null) {
        void start(view, subject());
      } else {
        stop(view);
      }
    });
    return row;
  }

  /** Looks once, and gives what was found when the look has ended. */
  async function look(wanted) {
    const { id } = await ask("POST", "ward/test", wanted);
    for (;;) {
      const found = await ask("GET", `ward/test?id=${id}`);
      if (found !== null && found.state !== "running") {
        await ask("POST", "ward/test/end", { id });
        return found;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, POLL_MS);
      });
    }
  }

  /** Ends the test, if one runs. */
  function close() {
    if (running !== null) {
      clearTimeout(running.timer);
      ask("POST", "ward/test/end", { id: running.id }).catch(() => undefined);
      running = null;
    }
  }

  function label(button, isRunning) {
    const icon = $("<i>", { class: isRunning ? "fa fa-stop" : "fa fa-stethoscope" });
    button.empty().append(icon, ` ${text(isRunning ? "test.stop" : "test.start")}`);
  }

  async function start(view, subject) {
    const test = { id: null, timer: null };
    running = test;
    label(view.button, true);
    tell(view, "ward-wait", text("test.starting"));
    view.results.empty();
    try {
      const { id } = await ask("POST", "ward/test", subject);
      test.id = id;
      if (running !== test) {
        await ask("POST", "ward/test/end", { id });
        return;
      }
      void poll(view, test);
    } catch (error) {
      fail(view, test, error.message);
    }
  }

  async function poll(view, test) {
    try {
      const found = await ask("GET", `ward/test?id=${test.id}`);
      if (running !== test) {
        return;
      }
      if (found !== null) {
        show(view, found);
      }
      if (found !== null && found.state !== "running") {
        fail(view, test, found.text);
        return;
      }
      test.timer = setTimeout(() => void poll(view, test), POLL_MS);
    } catch (error) {
      fail(view, test, error.message);
    }
  }

  function stop(view) {
    close();
    label(view.button, false);
    tell(view, "ward-off", text("test.stopped"));
  }

  function fail(view, test, why) {
    if (running === test) {
      running = null;
      label(view.button, false);
      tell(view, "ward-bad", why);
    }
  }

  function tell({ state }, colour, words) {
    state
      .empty()
      .append($("<span>", { class: `ward-dot ${colour}` }), document.createTextNode(words));
  }

  function show(view, found) {
    const { line, shared, frames, serial } = found;
    tell(view, LOOKS[line] ?? "ward-off", found.text === "" ? text("test.starting") : found.text);
    const facts = [text("test.frames", { count: frames })];
    if (shared !== null) {
      facts.push(text("test.shared", { device: shared }));
    }
    if (serial !== null) {
      facts.push(text("test.serial", { serial }));
    }
    view.results.empty();
    $("<div>", { class: "ward-doc" }).text(facts.join(" · ")).appendTo(view.results);
    if (found.readings.length > 0) {
      readings(found.readings).appendTo(view.results);
    }
    for (const { code, samplesPerSecond } of found.waves) {
      const rate = Math.round(samplesPerSecond * 10) / 10;
      const words = text("test.wave", { code, rate });
      $("<div>", { class: "ward-doc" }).text(words).appendTo(view.results);
    }
    for (const { fault, count, bytes, text: why } of found.faults) {
      const words = text("test.fault", { fault, count, bytes });
      $("<div>", { class: "ward-refused" }).text(`${words} ${why}`).appendTo(view.results);
    }
  }

  function readings(list) {
    const table = $("<table>", { class: "ward-readings" });
    for (const { code, text: value, unit, quality } of list) {
      const isUsual = quality.length === 1 && quality[0] === "valid";
      $("<tr>")
        .append(
          $("<th>", { scope: "row" }).text(code),
          $("<td>", { class: "ward-value" }).text(value === "" ? "–" : value),
          $("<td>").text(unit === "1" ? "" : unit),
          $("<td>", { class: "ward-doc" }).text(isUsual ? "" : quality.join(", ")),
        )
        .appendTo(table);
    }
    return table;
  }

  async function ask(method, url, body) {
    const request = { method, credentials: "same-origin", headers: {} };
    if (body !== undefined) {
      request.headers["Content-Type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    const response = await fetch(url, request);
    const content = await response.json();
    if (!response.ok) {
      throw new Error(content.message);
    }
    return content;
  }

  return { open, close, look };
})();
