import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { filterOf, listOf, type Filter } from "./odata.ts";

type Row = Record<string, unknown> & { id: number };

/**
 * A balena API of our own (`/v7`, OData): what `wardgate fleet` needs of it, over real HTTP. It was written after the public data
 * model and what balena-sdk sends, and refuses what the real one refuses: no login, resources and fields that do not exist, a second
 * variable of one name, names that are none, a release of another fleet.
 */
export class FakeBalenaApi {
  readonly token = "key-of-the-fleet-0123456789abcdef";
  /** `METHOD resource body`, in order. */
  readonly requests: string[] = [];
  readonly #tables: Record<Resource, Row[]> = {
    application: [],
    device: [],
    release: [],
    device_environment_variable: [],
  };
  #ids = 100;
  #server: Server | null = null;

  static async open(): Promise<FakeBalenaApi> {
    const api = new FakeBalenaApi();
    api.#server = createServer((request, response) => {
      void api.#answer(request).then(({ status, body }) => {
        const isText = typeof body === "string";
        response.writeHead(status, { "content-type": isText ? "text/plain" : "application/json" });
        response.end(isText ? body : JSON.stringify(body));
      });
    }).listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server!.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  add(resource: Resource, row: Readonly<Record<string, unknown>>): number {
    this.#ids += 1;
    this.#tables[resource].push({ ...DEFAULTS[resource], ...row, id: this.#ids });
    return this.#ids;
  }

  /** Changes a row from the cloud's side. */
  change(resource: Resource, id: number, row: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#tables[resource].find((one) => one.id === id) ?? {}, row);
  }

  variables(device: number): Record<string, string> {
    const found = this.#tables.device_environment_variable.filter(
      (one) => one["device"] === device,
    );
    return Object.fromEntries(found.map(({ name, value }) => [String(name), String(value)]));
  }

  row(resource: Resource, id: number): Row | undefined {
    return this.#tables[resource].find((one) => one.id === id);
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) {
      text += String(piece);
    }
    const url = new URL(request.url ?? "", "http://api");
    const [, version, name = "", key] = /^\/(v\d+)\/(\w+)(?:\((\d+)\))?$/.exec(url.pathname) ?? [];
    const { method = "" } = request;
    this.requests.push(`${method} ${name} ${text}`.trim());
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      return { status: 401, body: "Unauthorized" };
    }
    const resource = RESOURCES.find((known) => known === name);
    if (version !== "v7" || resource === undefined) {
      return { status: 404, body: "Not Found" };
    }
    try {
      return { status: 200, body: this.#do({ method, resource, key: Number(key), url, text }) };
    } catch (error) {
      return { status: error instanceof Conflict ? 409 : 400, body: (error as Error).message };
    }
  }

  #do(o: { method: string; resource: Resource; key: number; url: URL; text: string }): unknown {
    const { method, resource, key, url, text } = o;
    const table = this.#tables[resource];
    switch (method) {
      case "GET":
        return { d: this.#select(resource, url.searchParams) };
      case "POST": {
        const body = fieldsOf(resource, text);
        this.#check(resource, body, null);
        const id = this.add(resource, body);
        return this.row(resource, id);
      }
      case "PATCH":
      case "DELETE": {
        const row = table.find(({ id }) => id === key);
        if (row === undefined) {
          // What a login may not see is not there, and changing nothing is well done: as the real one has it.
          return "";
        }
        if (method === "DELETE") {
          table.splice(table.indexOf(row), 1);
        } else {
          const body = fieldsOf(resource, text);
          this.#check(resource, body, row);
          Object.assign(row, body);
        }
        return "";
      }
      default:
        throw new Error(`Method ${method} is not known`);
    }
  }

  #select(resource: Resource, query: URLSearchParams): unknown[] {
    for (const name of query.keys()) {
      if (!["$select", "$filter", "$expand", "$orderby"].includes(name)) {
        throw new Error(`Unknown query option ${name}`);
      }
    }
    const filter = filterOf(query.get("$filter") ?? "");
    filter.forEach(({ field }) => demandField(resource, field));
    const rows = this.#tables[resource].filter((row) => filter.every((one) => fits(row, one)));
    const [order = "id", way = "asc"] = (query.get("$orderby") ?? "id asc").split(" ");
    demandField(resource, order);
    rows.sort((a, b) => (String(a[order]) < String(b[order]) ? -1 : 1) * (way === "desc" ? -1 : 1));
    return rows.map((row) => ({
      ...picked(resource, row, query.get("$select")),
      ...this.#expanded(resource, row, query.get("$expand")),
    }));
  }

  #expanded(resource: Resource, row: Row, expand: string | null): Record<string, unknown> {
    return Object.fromEntries(
      listOf(expand ?? "").map(({ name, options }) => {
        const link = LINKS[resource]?.[name];
        if (link === undefined) {
          throw new Error(`Could not match resource for expand ${name}`);
        }
        const found = this.#tables[link.to].filter((other) =>
          link.by === "id" ? other.id === row[name] : other[link.by] === row.id,
        );
        return [name, found.map((other) => picked(link.to, other, options.get("$select") ?? null))];
      }),
    );
  }

  #check(resource: Resource, body: Readonly<Record<string, unknown>>, row: Row | null): void {
    const whole: Record<string, unknown> = { ...row, ...body };
    if (resource === "device_environment_variable") {
      if (this.row("device", Number(whole["device"])) === undefined) {
        throw new Conflict("It is necessary that each device environment variable has a device");
      }
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(String(whole["name"]))) {
        throw new Error(
          "It is necessary that each variable name starts with a letter or underscore",
        );
      }
      const same = this.#tables[resource].some(
        (one) => one !== row && one["device"] === whole["device"] && one["name"] === whole["name"],
      );
      if (same) {
        throw new Conflict("Unique key constraint violated");
      }
    }
    const pinned = whole["is_pinned_on__release"];
    if (resource === "device" && typeof pinned === "number") {
      const release = this.row("release", pinned);
      if (
        release === undefined ||
        release["belongs_to__application"] !== whole["belongs_to__application"]
      ) {
        throw new Error(
          "It is necessary that each release that a device is pinned on, belongs to the application that the device belongs to",
        );
      }
    }
  }
}

const RESOURCES = ["application", "device", "release", "device_environment_variable"] as const;
type Resource = (typeof RESOURCES)[number];

const FIELDS: Readonly<Record<Resource, readonly string[]>> = {
  application: ["id", "slug", "app_name", "should_track_latest_release"],
  device: [
    "id",
    "uuid",
    "device_name",
    "is_online",
    "last_connectivity_event",
    "os_version",
    "belongs_to__application",
    "is_running__release",
    "is_pinned_on__release",
  ],
  release: [
    "id",
    "commit",
    "raw_version",
    "status",
    "is_final",
    "is_invalidated",
    "belongs_to__application",
  ],
  device_environment_variable: ["id", "device", "name", "value"],
};

const DEFAULTS: Readonly<Record<Resource, Readonly<Record<string, unknown>>>> = {
  application: { should_track_latest_release: false },
  device: {
    is_online: false,
    last_connectivity_event: null,
    os_version: null,
    is_running__release: null,
    is_pinned_on__release: null,
  },
  release: { status: "success", is_final: true, is_invalidated: false },
  device_environment_variable: {},
};

/** What may be expanded: by the id that a field holds, or back from the field of another table. */
const LINKS: Readonly<
  Partial<Record<Resource, Readonly<Record<string, { to: Resource; by: string }>>>>
> = {
  device: {
    is_running__release: { to: "release", by: "id" },
    is_pinned_on__release: { to: "release", by: "id" },
    device_environment_variable: { to: "device_environment_variable", by: "device" },
  },
};

class Conflict extends Error {}

function demandField(resource: Resource, name: string): void {
  if (!FIELDS[resource].includes(name)) {
    throw new Error(`Could not resolve relationship for '${name}' of ${resource}`);
  }
}

function fieldsOf(resource: Resource, text: string): Record<string, unknown> {
  const body = JSON.parse(text) as Record<string, unknown>;
  Object.keys(body).forEach((name) => demandField(resource, name));
  return body;
}

function fits(row: Row, { field, value }: Filter): boolean {
  return row[field] === value;
}

function picked(resource: Resource, row: Row, select: string | null): Record<string, unknown> {
  const names = select === null ? FIELDS[resource] : select.split(",");
  names.forEach((name) => demandField(resource, name));
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}
