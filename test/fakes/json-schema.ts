/** The part of JSON Schema 2020-12 that the project's own schemas use, so that tests can hold schema and validator together. */
export function fitsSchema(value: unknown, schema: unknown, root: unknown = schema): boolean {
  const rules = schema as Rules;
  return Object.entries(rules).every(([keyword, rule]) => {
    const check = CHECKS[keyword];
    if (check === undefined) {
      throw new TypeError(
        `Cannot check keyword ${keyword}: this reader of schemas does not know it`,
      );
    }
    return check(value, rule, root, rules);
  });
}

type Rules = Readonly<Record<string, unknown>>;
type Check = (value: unknown, rule: unknown, root: unknown, rules: Rules) => boolean;

const says: Check = () => true;
const onText =
  (check: (text: string, rule: unknown) => boolean): Check =>
  (value, rule) =>
    typeof value !== "string" || check(value, rule);
const onNumber =
  (check: (number: number, rule: number) => boolean): Check =>
  (value, rule) =>
    typeof value !== "number" || check(value, Number(rule));
const onList =
  (check: (list: unknown[], rule: unknown, root: unknown) => boolean): Check =>
  (value, rule, root) =>
    !Array.isArray(value) || check(value, rule, root);
const onObject =
  (check: (fields: Rules, rule: unknown, root: unknown, rules: Rules) => boolean): Check =>
  (value, rule, root, rules) =>
    !isObject(value) || check(value, rule, root, rules);

const CHECKS: Readonly<Record<string, Check>> = {
  $schema: says,
  $id: says,
  $defs: says,
  title: says,
  description: says,
  default: says,
  $ref: (value, rule, root) => fitsSchema(value, resolve(root, String(rule)), root),
  type: (value, rule) => isType(value, String(rule)),
  enum: (value, rule) => (rule as unknown[]).includes(value),
  const: (value, rule) => value === rule,
  minLength: onText((text, rule) => text.length >= Number(rule)),
  maxLength: onText((text, rule) => text.length <= Number(rule)),
  pattern: onText((text, rule) => new RegExp(String(rule), "u").test(text)),
  minimum: onNumber((number, rule) => number >= rule),
  maximum: onNumber((number, rule) => number <= rule),
  minItems: onList((list, rule) => list.length >= Number(rule)),
  maxItems: onList((list, rule) => list.length <= Number(rule)),
  uniqueItems: onList((list) => new Set(list).size === list.length),
  items: onList((list, rule, root) => list.every((item) => fitsSchema(item, rule, root))),
  required: onObject((fields, rule) => (rule as string[]).every((name) => name in fields)),
  minProperties: onObject((fields, rule) => Object.keys(fields).length >= Number(rule)),
  maxProperties: onObject((fields, rule) => Object.keys(fields).length <= Number(rule)),
  propertyNames: onObject((fields, rule, root) =>
    Object.keys(fields).every((name) => fitsSchema(name, rule, root)),
  ),
  properties: onObject((fields, rule, root) =>
    Object.entries(rule as Rules).every(
      ([name, schema]) => !(name in fields) || fitsSchema(fields[name], schema, root),
    ),
  ),
  additionalProperties: onObject((fields, rule, root, rules) => {
    const known = (rules["properties"] ?? {}) as Rules;
    const others = Object.keys(fields).filter((name) => !Object.hasOwn(known, name));
    return rule === false
      ? others.length === 0
      : others.every((name) => fitsSchema(fields[name], rule, root));
  }),
  oneOf: (value, rule, root) =>
    (rule as unknown[]).filter((schema) => fitsSchema(value, schema, root)).length === 1,
  anyOf: (value, rule, root) =>
    (rule as unknown[]).some((schema) => fitsSchema(value, schema, root)),
};

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Rules {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function resolve(root: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((here, step) => (here as Rules)[step], root);
}
