/* global $, RED */
/**
 * Checks of the ward nodes' forms that say what is wrong. Loaded once by the `ward-forms` plugin, before any node; the parts
 * of the form of a source node are in the files beside this one.
 */
globalThis.wardForms = (() => {
  const DEVICE = /^[a-z0-9][a-z0-9./:-]{0,63}$/;
  const MODEL = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
  const OPTION = /^[a-z][a-z0-9-]{0,31}$/;
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

  return {
    device: pattern(DEVICE, "device"),
    model: pattern(MODEL, "model"),
    line,
    number,
    options,
    offerLines,
    text,
  };
})();
