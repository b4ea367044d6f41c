/* global $, wardForms */
/**
 * The options of a model as fields: each with its name, what it is for, its unit and range, filled with the default. Only what differs from the
 * default is kept in the flow.
 */
globalThis.wardOptions = (() => {
  // The editor loads the files of a plugin in any order: others are looked for when they are needed.
  const text = (key, values) => wardForms.text(key, values);
  /** Specs of the model that is shown, each with the act that reads its field. */
  let fields = [];
  /** Options that are shown without being asked for, at most. */
  const FEW = 3;

  /** Shows the fields of a model in place of those before. `kept` is what the flow has: `{ name, value }`. */
  function show(container, specs, kept) {
    const given = new Map((kept ?? []).map(({ name, value }) => [name, value]));
    container.empty();
    const isChanged = specs.some(({ name }) => given.has(name));
    const details = $("<details>").prop("open", isChanged || specs.length <= FEW);
    $("<summary>")
      .text(text("label.options", { count: specs.length }))
      .appendTo(details);
    details.appendTo(specs.length === 0 ? $("<div>") : container);
    fields = specs.map((spec) => {
      const row = $("<div>", { class: "form-row ward-option" }).appendTo(details);
      const id = `ward-option-${spec.name}`;
      $("<label>", { for: id }).text(spec.name).appendTo(row);
      const read = makeField(row, spec, id, given.get(spec.name) ?? spec.default);
      $("<div>", { class: "ward-doc", id: `${id}-doc` })
        .text(docOf(spec))
        .appendTo(row);
      row.find("input, select, textarea").attr("aria-describedby", `${id}-doc`);
      return { spec, read, row };
    });
  }

  function docOf({ doc, minimum, maximum, unit }) {
    if (minimum === undefined || maximum === undefined) {
      return doc;
    }
    return `${doc} ${text("label.range", { minimum, maximum, unit: unit ?? "" }).trimEnd()}.`;
  }

  /** Makes one field; returns the act that reads it, undefined for an entry that cannot be used. */
  function makeField(row, spec, id, value) {
    if (spec.choices !== undefined) {
      return choice(row, spec, id, value);
    }
    if (typeof spec.default === "boolean") {
      const box = $("<input>", { type: "checkbox", id, style: "width: auto" }).prop(
        "checked",
        value,
      );
      box.appendTo(row);
      return () => box.prop("checked");
    }
    if (spec.multiline === true) {
      const area = $("<textarea>", { id, rows: 10, class: "ward-option-text", spellcheck: false });
      area.val(value).appendTo(row);
      return () => area.val();
    }
    const input = $("<input>", { type: "text", id, class: "ward-option-value" });
    input.val(String(value)).appendTo(row);
    if (spec.unit !== undefined) {
      $("<span>", { class: "ward-unit" }).text(spec.unit).appendTo(row);
    }
    if (typeof spec.default === "string") {
      return () => input.val();
    }
    const read = () => numberOf(spec, input.val());
    input.on("input", () => input.toggleClass("input-error", read() === undefined));
    return read;
  }

  function choice(row, { choices }, id, value) {
    const select = $("<select>", { id, class: "ward-option-value" });
    choices.forEach((known, place) => $("<option>").val(place).text(known).appendTo(select));
    select.val(Math.max(0, choices.indexOf(value))).appendTo(row);
    return () => choices[Number(select.val())];
  }

  function numberOf({ minimum = -Infinity, maximum = Infinity }, entered) {
    const figure = entered.trim() === "" ? Number.NaN : Number(entered);
    return figure >= minimum && figure <= maximum ? figure : undefined;
  }

  /** What the flow keeps: the options that differ from their default. An entry that cannot be used keeps the default. */
  function rows() {
    return fields.flatMap(({ spec, read }) => {
      const value = read();
      return value === undefined || value === spec.default ? [] : [{ name: spec.name, value }];
    });
  }

  const fieldOf = (name) => fields.find(({ spec }) => spec.name === name);

  function get(name) {
    return fieldOf(name)?.read();
  }

  /** Puts a text into a field, where the engineer sees it before it is kept. */
  function set(name, value) {
    // The form is not in the page while another one lies over it, so the field is not looked for by its id.
    const row = fieldOf(name)?.row;
    row?.find("input, textarea").val(value).trigger("input");
    row?.closest("details").prop("open", true);
  }

  function isDefault(name) {
    const field = fieldOf(name);
    return field === undefined || field.read() === field.spec.default;
  }

  return { show, rows, get, set, isDefault };
})();
