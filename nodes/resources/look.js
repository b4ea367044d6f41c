/* global $, RED, wardForms, wardOptions, wardTest */
/**
 * "Registers" and "Browse" in the form of a source node: a look at what a Modbus unit or an OPC-UA server has, read once and only read. What is
 * ticked goes into the description of a device that the site writes itself (register map, point table).
 */
globalThis.wardLook = (() => {
  const text = (key, values) => wardForms.text(key, values);
  /** The option that describes the device, per model that has one. */
  const DESCRIPTIONS = { "generic-modbus": "map", "generic-opcua": "points" };
  const FUNCTIONS = [3, 4, 1, 2];

  /** Opens the look for a kind of line; `subject` is what the form says now. */
  function open(kind, subject) {
    if (kind === "modbus") {
      registers(subject);
    } else {
      server(subject);
    }
  }

  function tray(title, subject, build, take) {
    const canTake = DESCRIPTIONS[subject.model] !== undefined;
    const close = { id: "ward-look-close", text: text("label.close"), click: RED.tray.close };
    const takeButton = {
      id: "ward-look-take",
      text: text("look.take"),
      class: "primary",
      click: () => {
        take();
        RED.tray.close();
      },
    };
    RED.tray.show({
      title,
      width: 620,
      buttons: canTake ? [close, takeButton] : [{ ...close, class: "primary" }],
      open: (opened) => build(opened.find(".red-ui-tray-body").addClass("ward-look"), canTake),
    });
  }

  function registers(subject) {
    const chosen = new Map();
    let asked = null;
    const build = (body, canTake) => {
      const row = $("<div>", { class: "form-row ward-look-head" }).appendTo(body);
      const code = $("<select>", { "aria-label": text("look.function") }).appendTo(row);
      for (const known of FUNCTIONS) {
        $("<option>")
          .val(known)
          .text(text(`look.function${known}`))
          .appendTo(code);
      }
      const first = field(row, "look.first", "0");
      const count = field(row, "look.count", "20");
      const read = $("<button>", { type: "button", class: "red-ui-button" }).appendTo(row);
      read.text(text("look.read"));
      const state = $("<div>", { class: "ward-doc", role: "status" }).appendTo(body);
      const table = $("<table>", { class: "ward-readings" }).appendTo(body);
      read.on("click", () => {
        asked = {
          function: Number(code.val()),
          address: Number(first.val()),
          count: Number(count.val()),
        };
        chosen.clear();
        table.empty();
        look({ kind: "scan", line: subject.line, unit: subject.unit, ...asked }, state, (found) => {
          head(table, ["look.address", "look.unsigned", "look.signed", "look.hex"], canTake);
          for (const register of found.registers) {
            registerRow(table, register, canTake && chosen);
          }
        });
      });
    };
    tray(text("look.registers"), subject, build, () => {
      describe(subject.model, { addressBase: 0 }, (table) =>
        [...chosen.keys()].map((address) => ({
          code: `SITE_REGISTER_${address}`,
          function: asked.function,
          address: address + (table.addressBase ?? 0),
          type: asked.function <= 2 ? "bits" : "uint16",
          ...(asked.function <= 2 ? {} : { unit: "1" }),
        })),
      );
    });
  }

  function registerRow(table, { address, value }, chosen) {
    const signed = value !== null && value > 0x7f_ff ? value - 0x1_00_00 : value;
    const hex = value === null ? "" : value.toString(16).padStart(4, "0").toUpperCase();
    const cells = value === null ? [text("look.refused"), "", ""] : [value, signed, hex];
    addRow(
      table,
      [address, ...cells],
      chosen && value !== null ? { chosen, key: address, entry: address } : null,
    );
  }

  function server(subject) {
    const chosen = new Map();
    const path = [{ node: "", name: text("look.objects") }];
    const build = (body, canTake) => {
      const crumbs = $("<div>", { class: "ward-look-head" }).appendTo(body);
      const state = $("<div>", { class: "ward-doc", role: "status" }).appendTo(body);
      const table = $("<table>", { class: "ward-readings" }).appendTo(body);
      const enter = () => {
        crumbs.empty();
        for (const [place, step] of path.entries()) {
          $("<button>", { type: "button", class: "red-ui-button red-ui-button-small" })
            .text(step.name)
            .on("click", () => {
              path.length = place + 1;
              enter();
            })
            .appendTo(crumbs);
        }
        table.empty();
        look({ kind: "browse", line: subject.line, node: path.at(-1).node }, state, (found) => {
          head(table, ["look.name", "look.value", "look.unit"], canTake);
          for (const node of found.nodes) {
            nodeRow(table, node, canTake && chosen, () => {
              path.push(node);
              enter();
            });
          }
        });
      };
      enter();
    };
    tray(text("look.browse"), subject, build, () => {
      describe(subject.model, {}, () =>
        [...chosen.values()].map(({ node, name, unit }) => ({
          node,
          code: codeOf(name),
          unit: unit ?? "1",
        })),
      );
    });
  }

  function nodeRow(table, node, chosen, enter) {
    const isVariable = node.class === "variable";
    const name = isVariable
      ? $("<span>").text(node.name)
      : $("<button>", { type: "button", class: "red-ui-button red-ui-button-small" })
          .text(node.name)
          .on("click", enter);
    const value = node.value === null ? (node.status ?? "") : String(node.value);
    addRow(
      table,
      [name, isVariable ? value : "", node.unit ?? ""],
      chosen && isVariable ? { chosen, key: node.node, entry: node } : null,
    );
  }

  /** A code of the site's own: letters, digits and underscores. */
  function codeOf(name) {
    const plain = name
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]+/g, "_")
      .replaceAll(/^_|_$/g, "");
    return `SITE_${plain === "" ? "POINT" : plain}`;
  }

  function head(table, keys, canTake) {
    const line = $("<tr>").appendTo(table);
    if (canTake) {
      $("<th>").appendTo(line);
    }
    for (const key of keys) {
      $("<th>", { scope: "col" }).text(text(key)).appendTo(line);
    }
  }

  /** One line of a table; with `tick` it can be chosen. */
  function addRow(table, cells, tick) {
    const line = $("<tr>").appendTo(table);
    if (tick !== false && table.find("tr").first().children().length > cells.length) {
      const cell = $("<td>").appendTo(line);
      if (tick !== null) {
        $("<input>", { type: "checkbox", "aria-label": text("look.choose") })
          .on("change", (event) => {
            if (event.target.checked) {
              tick.chosen.set(tick.key, tick.entry);
            } else {
              tick.chosen.delete(tick.key);
            }
          })
          .appendTo(cell);
      }
    }
    for (const cell of cells) {
      const place = $("<td>").appendTo(line);
      if (typeof cell === "object") {
        place.append(cell);
      } else {
        place.text(cell);
      }
    }
  }

  function field(row, key, value) {
    const label = $("<label>", { class: "ward-look-field" }).text(text(key)).appendTo(row);
    const input = $("<input>", { type: "text", inputmode: "numeric", class: "ward-look-number" });
    return input.val(value).appendTo(label);
  }

  function look(wanted, state, show) {
    state.text(text("test.starting"));
    wardTest.look(wanted).then(
      (found) => {
        state.text(found.state === "failed" ? found.text : "");
        if (found.state === "done") {
          show(found);
        }
      },
      (error) => state.text(error.message),
    );
  }

  /** Adds points to the description in the form; one that is still the example, or cannot be read, is begun anew. */
  function describe(model, beginning, points) {
    const name = DESCRIPTIONS[model];
    const table = readDescription(name) ?? {
      title: "",
      maker: "",
      model: "",
      source: "",
      ...beginning,
      points: [],
    };
    const more = points(table);
    if (more.length > 0) {
      const all = { ...table, points: [...table.points, ...more] };
      wardOptions.set(name, JSON.stringify(all, null, 2));
    }
  }

  function readDescription(name) {
    if (wardOptions.isDefault(name)) {
      return null;
    }
    try {
      const table = JSON.parse(wardOptions.get(name));
      return Array.isArray(table.points) ? table : null;
    } catch {
      return null;
    }
  }

  return { open };
})();
