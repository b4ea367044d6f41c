/* global $, RED */
/**
 * What the forms of the ward nodes have in common: checks that say what is wrong, and the parts of the source form. Loaded
 * once by the `ward-forms` plugin, before any node.
 */
globalThis.wardForms = (() => {
  const DEVICE = /^[a-z0-9][a-z0-9./:-]{0,63}$/;
  const MODEL = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
  const OPTION = /^[A-Za-z][A-Za-z0-9]{0,31}$/;
  const OPTIONS_MAX = 32;
  const PORT_LINE = /^[a-z-]+:(?:\/\/)?\/[^/?\s][^?\s]*(?:\?[a-z]+=[^&\s]+(?:&[a-z]+=[^&\s]+)*)?$/;
  const HOST_LINE = /^[a-z.+-]+:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):\d{1,5}\/?$/;
  const OPCUA_LINE =
    /^opc\.tcp:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::\d{1,5})?(?:\/\S*)?$/;
  const REMOTE_PORT_LINE =
    /^rfc2217:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):\d{1,5}\/?(?:\?[a-z]+=[^&\s]+(?:&[a-z]+=[^&\s]+)*)?$/;
  const PORT_SCHEMES = new Set(["serial", "unix", "modbus-rtu", "modbus-ascii"]);

  const text = (key, values) => RED._(`@wardgate/nodes/ward-forms:${key}`, values);
  /** A property of a subflow may be set from outside: `${NAME}`. */
  const fromSubflow = (value) => /^\$\{[^}]+\}$/.test(value);
  const verdict = (right, key, values, opt) =>
    right || (opt ? text(`error.${key}`, values) : false);

  function pattern(expression, key) {
    return (value, opt) =>
      verdict(fromSubflow(value) || expression.test(value ?? ""), key, {}, opt);
  }

  function number({ minimum, maximum, whole }) {
    return (value, opt) => {
      const entered = String(value ?? "").trim();
      const figure = Number(entered);
      const inside = figure >= minimum && figure <= maximum && (!whole || Number.isInteger(figure));
      const right = entered === "" || fromSubflow(entered) || inside;
      return verdict(right, whole ? "whole" : "number", { minimum, maximum }, opt);
    };
  }

  function line(schemes) {
    return (value, opt) => {
      const entered = value ?? "";
      const scheme = schemes.find((known) => entered.startsWith(`${known}:`));
      if (fromSubflow(entered)) {
        return true;
      }
      if (scheme === undefined) {
        return verdict(false, "scheme", { schemes: schemes.join(", ") }, opt);
      }
      if (PORT_SCHEMES.has(scheme)) {
        return verdict(PORT_LINE.test(entered), "port", { scheme }, opt);
      }
      const expression = { "opc.tcp": OPCUA_LINE, rfc2217: REMOTE_PORT_LINE }[scheme] ?? HOST_LINE;
      const port = /:(\d+)\/?$/.exec(entered.split("?")[0]);
      const inRange = port === null || (Number(port[1]) >= 1 && Number(port[1]) <= 65_535);
      return verdict(expression.test(entered) && inRange, "host", { scheme }, opt);
    };
  }

  function options(rows, opt) {
    const list = Array.isArray(rows) ? rows : [];
    const names = list.map((row) => row.name);
    const right =
      list.length <= OPTIONS_MAX &&
      names.every((name) => OPTION.test(name)) &&
      new Set(names).size === names.length;
    return verdict(right, "options", { count: OPTIONS_MAX }, opt);
  }

  /** Offers the lines that the signed settings allow while a URL is typed. */
  function offerLines(schemes) {
    const list = $("<datalist>", { id: "ward-lines" }).insertAfter("#node-config-input-url");
    $("#node-config-input-url").attr("list", "ward-lines");
    $.getJSON("ward/lines", (urls) => {
      for (const url of urls.filter((known) => schemes.some((s) => known.startsWith(`${s}:`)))) {
        $("<option>").val(url).appendTo(list);
      }
    });
  }

  /** Fills the list of models of one kind (`stream`, `modbus`, `opcua`); keeps one that this gateway does not know. */
  function offerModels(kind, chosen) {
    const select = $("#node-input-model").empty();
    const add = (value, label) => $("<option>").val(value).text(label).appendTo(select);
    add("", text("label.choose"));
    if (chosen) {
      add(chosen, chosen);
    }
    select.val(chosen ?? "");
    $.getJSON("ward/models", (models) => {
      for (const { model, maker, protocol } of models.filter((known) => known.kind === kind)) {
        const label = `${maker} · ${protocol} (${model})`;
        if (model === chosen) {
          select.find("option").last().text(label);
        } else {
          add(model, label);
        }
      }
      select.val(chosen ?? "");
    });
  }

  function offerOptions(rows) {
    const list = $("#node-input-options-container");
    list.css({ "min-height": "110px", "min-width": "380px" }).editableList({
      addItem: (row, _index, given) => {
        const { name, value } = { name: "", value: "", ...given };
        const fresh = name === "" && value === "";
        const kinds = { number: "num", boolean: "bool", string: fresh ? "num" : "str" };
        row.css({ display: "flex", gap: "6px" });
        $("<input>", { type: "text", class: "ward-option-name", style: "width:40%" })
          .attr({ placeholder: text("label.optionName"), "aria-label": text("label.optionName") })
          .val(name)
          .appendTo(row);
        $("<input>", { type: "text", class: "ward-option-value", style: "width:55%" })
          .attr("aria-label", text("label.optionValue"))
          .appendTo(row)
          .typedInput({ default: "num", types: ["num", "str", "bool"] })
          .typedInput("type", kinds[typeof value] ?? "str")
          .typedInput("value", String(value));
      },
      removable: true,
      sortable: true,
    });
    list.editableList("addItems", Array.isArray(rows) ? rows.map((row) => ({ ...row })) : []);
  }

  function readOptions() {
    const rows = [];
    $("#node-input-options-container")
      .editableList("items")
      .each(function read() {
        const name = $(this).find(".ward-option-name").val().trim();
        const input = $(this).find(".ward-option-value");
        const entered = input.typedInput("value");
        const type = input.typedInput("type");
        if (name !== "") {
          const typed = type === "num" ? Number(entered) : entered === "true";
          rows.push({ name, value: type === "str" ? entered : typed });
        }
      });
    return rows;
  }

  return {
    device: pattern(DEVICE, "device"),
    model: pattern(MODEL, "model"),
    line,
    number,
    options,
    offerLines,
    /** Prepares the form of a source node. */
    openSource(node, kind) {
      offerModels(kind, node.model);
      offerOptions(node.options);
    },
    /** Takes over from the form of a source node what Node-RED does not. */
    saveSource(node) {
      const rows = readOptions();
      const changed = JSON.stringify(rows) !== JSON.stringify(node.options ?? []);
      node.options = rows;
      return changed;
    },
  };
})();
