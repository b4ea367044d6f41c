/* global $, RED, wardForms, wardLook, wardOptions, wardTest */
/** The form of a source node: a model with its wiring sheet and options, and a live test of what the form says. */
globalThis.wardSource = (() => {
  // The editor loads the files of a plugin in any order: others are looked for when they are needed.
  const text = (key, values) => wardForms.text(key, values);

  /** What can be looked at beside one device, per kind of model. */
  const LOOKS = { modbus: "look.registers", opcua: "look.browse" };

  /** Prepares the form for models of one kind (`stream`, `modbus`, `opcua`). */
  function open(node, kind) {
    const select = $("#node-input-model").empty();
    const show = (models) =>
      showModel(
        models.find(({ model }) => model === select.val()),
        node,
      );
    offer(select, [], node.model);
    $.getJSON("ward/models", (all) => {
      const models = all.filter((known) => known.kind === kind);
      offer(select, models, node.model);
      select.on("change", () => show(models));
      show(models);
    });
    const row = wardTest.open($("#ward-test"), () => subject(node));
    if (LOOKS[kind] !== undefined) {
      $("<button>", { type: "button", class: "red-ui-button", id: "ward-look" })
        .append($("<i>", { class: "fa fa-search" }), ` ${text(LOOKS[kind])}`)
        .on("click", () => wardLook.open(kind, subject(node)))
        .appendTo(row);
    }
  }

  /** Fills the list of models by maker; keeps one that this gateway does not know. */
  function offer(select, models, chosen) {
    const add = (to, value, label) => $("<option>").val(value).text(label).appendTo(to);
    select.empty();
    add(select, "", text("label.choose"));
    if (chosen && !models.some(({ model }) => model === chosen)) {
      add(select, chosen, chosen);
    }
    const makers = [...new Set(models.map(({ maker }) => maker))].sort((a, b) =>
      a.localeCompare(b),
    );
    for (const maker of makers) {
      const group = $("<optgroup>", { label: maker }).appendTo(select);
      for (const { model, protocol } of models.filter((known) => known.maker === maker)) {
        add(group, model, `${protocol} (${model})`);
      }
    }
    select.val(chosen ?? "");
  }

  function showModel(known, node) {
    const place = $("#ward-model").empty();
    const rows = known !== undefined && known.model === node.model ? node.options : [];
    wardOptions.show($("#node-input-options-fields"), known?.options ?? [], rows);
    if (known === undefined) {
      return;
    }
    const { model, serial, mode, evidence } = known;
    const facts = [text(`mode.${mode}`), text(`evidence.${evidence}`)];
    if (serial !== "") {
      facts.unshift(text("label.serial", { serial }));
    }
    const row = $("<div>", { class: "form-row ward-model-row" }).appendTo(place);
    $("<span>", { class: "ward-doc" }).text(facts.join(" · ")).appendTo(row);
    $("<button>", { type: "button", class: "red-ui-button red-ui-button-small" })
      .append($("<i>", { class: "fa fa-book" }), ` ${text("label.wiring")}`)
      .on("click", () => showWiring(model))
      .appendTo(row);
  }

  /** The device's page in a tray of its own: wiring, menu steps, readings. */
  async function showWiring(model) {
    const response = await fetch(`ward/wiring?model=${encodeURIComponent(model)}`);
    const { markdown, message } = await response.json();
    RED.tray.show({
      title: `${text("label.wiring")}: ${model}`,
      width: 700,
      buttons: [
        {
          id: "ward-wiring-close",
          text: text("label.close"),
          class: "primary",
          click: RED.tray.close,
        },
      ],
      open: (tray) => {
        const body = tray.find(".red-ui-tray-body").addClass("ward-wiring");
        if (markdown === undefined) {
          body.text(message);
        } else {
          // The editor's renderer cleans what it makes of Markdown; links of the page lead nowhere here.
          body.html(RED.utils.renderMarkdown(markdown));
          body.find("a").each(function plain() {
            $(this).replaceWith($(this).contents());
          });
        }
      },
    });
  }

  /** What the form says, for a test. */
  function subject(node) {
    const line = RED.nodes.node($("#node-input-line").val());
    const unit = $("#node-input-unit");
    return {
      device: $("#node-input-device").val(),
      model: $("#node-input-model").val(),
      line: line?.url ?? "",
      unit: unit.length === 0 ? null : unitOf(unit.val(), node),
      options: Object.fromEntries(wardOptions.rows().map(({ name, value }) => [name, value])),
    };
  }

  function unitOf(entered, node) {
    return String(entered).trim() === "" ? Number(node.unit || 1) : Number(entered);
  }

  /** Takes over from the form what Node-RED does not. Returns whether it changed. */
  function save(node) {
    const rows = wardOptions.rows();
    const changed = JSON.stringify(rows) !== JSON.stringify(node.options ?? []);
    node.options = rows;
    close();
    return changed;
  }

  /** The form goes: a test in it ends. */
  function close() {
    wardTest.close();
  }

  return { open, save, close };
})();
