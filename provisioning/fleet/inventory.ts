import { driverOf } from "../../gateway/devices/catalog.ts";
import { errorText, WardError } from "../../gateway/errors.ts";
import { lineKey } from "../../gateway/lines/line-url.ts";
import { isDeviceId, isGatewayId } from "../../gateway/reading.ts";
import { readSettings, SETTINGS, variableOf } from "../../gateway/settings.ts";

/** The one file that says what the gateways of a house are to be. */
export interface Inventory {
  /** Slug of the balena fleet, `organisation/fleet`. */
  readonly fleet: string;
  /** The enrolment server, `https://...`. */
  readonly enrolment: string;
  /** File with the root of trust for bundles (1.root.json), as written in the inventory; null where there are no bundles. */
  readonly bundleRoot: string | null;
  /** In the order in which a release moves on. */
  readonly rings: readonly Ring[];
  readonly gateways: readonly InventoryGateway[];
}

export interface Ring {
  readonly name: string;
  /** Version of the release that its gateways are pinned to. */
  readonly release: string;
}

export interface InventoryGateway {
  readonly id: string;
  /** Of the balena device, 32 or 62 hex digits. */
  readonly uuid: string;
  readonly ward: string;
  readonly ring: string;
  /** File with its signed settings, as written in the inventory; null where they come another way. */
  readonly site: string | null;
  /** `WARD_*` variables. */
  readonly variables: Readonly<Record<string, string>>;
  readonly devices: readonly InventoryDevice[];
}

export interface InventoryDevice {
  readonly id: string;
  readonly bed: string;
  readonly model: string;
  /** Line URL. */
  readonly line: string;
}

/** Reads an inventory from what YAML gave. Throws WardError `WARD_INVENTORY` that lists every problem: where, what, what to do. */
export function parseInventory(value: unknown): Inventory {
  const problems: string[] = [];
  const root = new Part(value, "", problems);
  root.only("fleet", "enrolment", "bundleRoot", "rings", "wards");
  const rings = root.entries("rings").map(([name, part]) => ({ name, release: part.version() }));
  const inventory: Inventory = {
    fleet: root.text("fleet", SLUG, "organisation/fleet, as in the dashboard's address"),
    enrolment: root.text("enrolment", HTTPS, "https://host:port of wardgate ca serve"),
    bundleRoot: root.optional("bundleRoot", PATH, "the path of 1.root.json"),
    rings,
    gateways: root.list("wards").flatMap((ward) => gatewaysOf(ward, rings)),
  };
  problems.push(...doubles(inventory));
  if (problems.length > 0) {
    const some = problems.slice(0, PROBLEMS_MAX).join("\n  ");
    const more =
      problems.length > PROBLEMS_MAX ? `\n  and ${problems.length - PROBLEMS_MAX} more` : "";
    throw new WardError("WARD_INVENTORY", `Cannot use the inventory:\n  ${some}${more}`);
  }
  return inventory;
}

function gatewaysOf(ward: Part, rings: readonly Ring[]): InventoryGateway[] {
  ward.only("name", "gateways");
  const name = ward.text("name", NAME, "a short name of the ward");
  const known = rings.map((ring) => ring.name);
  return ward.list("gateways").map((gateway) => {
    gateway.only("id", "uuid", "ring", "site", "variables", "beds");
    return {
      id: gateway.fit("id", isGatewayId, "3 to 64 of a-z, 0-9 and dash"),
      uuid: gateway.text("uuid", UUID, "the 32 digits that the dashboard shows"),
      ward: name,
      ring: gateway.fit("ring", (ring) => known.includes(ring), `one of ${known.join(", ")}`),
      site: gateway.optional("site", PATH, "the path of its site.cose"),
      variables: variablesOf(gateway),
      devices: gateway.list("beds").flatMap(devicesOf),
    };
  });
}

function devicesOf(bed: Part): InventoryDevice[] {
  bed.only("name", "devices");
  const name = bed.text("name", NAME, "a short name of the bed, in quotes when it is a number");
  return bed.list("devices").map((device) => {
    device.only("id", "model", "line");
    return {
      id: device.fit("id", isDeviceId, "for example bed-12/monitor"),
      bed: name,
      model: device.fit(
        "model",
        (m) => driverOf(m) !== undefined,
        "a model of: wardgate devices list",
      ),
      line: device.fit("line", isLine, "a line URL, see gateway/lines/README.md"),
    };
  });
}

function variablesOf(gateway: Part): Record<string, string> {
  const variables: Record<string, string> = {};
  const known = new Set(Object.keys(SETTINGS).map(variableOf));
  for (const [name, part] of gateway.has("variables") ? gateway.entries("variables") : []) {
    if (known.has(name)) {
      variables[name] = part.scalar();
    } else {
      part.problem("there is no such setting", "take one from the table in README.md");
    }
  }
  try {
    readSettings(undefined, variables);
  } catch (error) {
    gateway.problem(errorText(error), "correct its variables");
  }
  return variables;
}

function doubles({ gateways, rings }: Inventory): string[] {
  const twice = (what: string, names: readonly string[]): string[] =>
    [...Map.groupBy(names, (name) => name)]
      .filter(([name, found]) => name !== "" && found.length > 1)
      .map(
        ([name, found]) => `${what} "${name}" is there ${found.length} times: each has its own.`,
      );
  return [
    ...twice(
      "ring",
      rings.map(({ name }) => name),
    ),
    ...twice(
      "gateway id",
      gateways.map(({ id }) => id),
    ),
    ...twice(
      "uuid",
      gateways.map(({ uuid }) => uuid),
    ),
    ...twice(
      "device id",
      gateways.flatMap(({ devices }) => devices.map(({ id }) => id)),
    ),
  ];
}

/** A part of the file that knows where it stands, for messages. */
class Part {
  readonly #value: unknown;
  readonly #where: string;
  readonly #problems: string[];

  constructor(value: unknown, where: string, problems: string[]) {
    this.#value = value;
    this.#where = where;
    this.#problems = problems;
  }

  problem(what: string, advice: string): void {
    this.#problems.push(`${this.#where === "" ? "the file" : this.#where}: ${what}; ${advice}.`);
  }

  has(name: string): boolean {
    return this.#fields().has(name);
  }

  /** Says which fields nobody will look at. */
  only(...names: readonly string[]): void {
    for (const name of this.#fields().keys()) {
      if (!names.includes(name)) {
        this.#part(name).problem("is not known here", `use ${names.join(", ")}`);
      }
    }
  }

  list(name: string): Part[] {
    const value = this.#fields().get(name);
    if (!Array.isArray(value)) {
      this.#part(name).problem("is missing or no list", "write a list, each entry after a dash");
      return [];
    }
    return value.map(
      (one: unknown, at) => new Part(one, `${this.#under(name)}[${at}]`, this.#problems),
    );
  }

  entries(name: string): [string, Part][] {
    const part = this.#part(name);
    const fields = part.#fields();
    if (fields.size === 0) {
      part.problem("is missing or empty", "write name: value");
    }
    return [...fields.keys()].map((key) => [key, part.#part(key)]);
  }

  text(name: string, form: RegExp, what: string): string {
    return this.fit(name, (text) => form.test(text), what);
  }

  optional(name: string, form: RegExp, what: string): string | null {
    return this.has(name) ? this.text(name, form, what) : null;
  }

  fit(name: string, is: (text: string) => boolean, what: string): string {
    const value = this.#fields().get(name);
    if (typeof value === "string" && is(value)) {
      return value;
    }
    const found = value === undefined ? "is missing" : `cannot be ${shown(value)}`;
    this.#part(name).problem(found, `give ${what}`);
    return "";
  }

  /** The version of a release. YAML takes `1.0` for a number, so that it must be in quotes is said. */
  version(): string {
    if (typeof this.#value === "string" && VERSION.test(this.#value)) {
      return this.#value;
    }
    this.problem(`cannot be ${shown(this.#value)}`, 'give the version of a release, "1.2.3"');
    return "";
  }

  scalar(): string {
    if (["string", "number", "boolean"].includes(typeof this.#value)) {
      return String(this.#value);
    }
    this.problem(`cannot be ${shown(this.#value)}`, "give a text or a number");
    return "";
  }

  #fields(): ReadonlyMap<string, unknown> {
    const isMap =
      typeof this.#value === "object" && this.#value !== null && !Array.isArray(this.#value);
    return new Map(isMap ? Object.entries(Object(this.#value)) : []);
  }

  #part(name: string): Part {
    return new Part(this.#fields().get(name), this.#under(name), this.#problems);
  }

  #under(name: string): string {
    return this.#where === "" ? name : `${this.#where}.${name}`;
  }
}

function isLine(text: string): boolean {
  try {
    return lineKey(text) !== "";
  } catch {
    return false;
  }
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 60);
}

const SLUG = /^[a-z0-9_-]{1,64}\/[a-z0-9_-]{1,100}$/;
const HTTPS = /^https:\/\/[a-zA-Z0-9.:[\]-]{1,255}\/?$/;
const UUID = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/;
const NAME = /^[^\p{C}]{1,64}$/u;
const PATH = /^[^\0]{1,1024}$/;
const VERSION = /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:[-+][0-9A-Za-z.+-]{1,64})?$/;
const PROBLEMS_MAX = 50;
