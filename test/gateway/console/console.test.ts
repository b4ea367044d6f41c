import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";

import fc from "fast-check";

import { permissionsOf, ROLES, type Role } from "../../../gateway/access/permissions.ts";
import { bedOf } from "../../../gateway/access/wards.ts";
import type { BoardEvent, FactsEvent } from "../../../gateway/console/contract.ts";
import { LOCAL } from "../../../gateway/console/sessions.ts";
import { boardFor, factsFor, sightOf, wavesFor } from "../../../gateway/console/view.ts";
import { type ConsoleKit, DEVICES, openConsole, someFacts } from "../../fakes/console-kit.ts";

let kit: ConsoleKit = openConsole();
let server: Server;
let port = 0;

before(async () => {
  // What the listener does before: it names the session.
  server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? "/", "http://gateway");
    const session = kit.console.sessions.look(String(incoming.headers["x-session"] ?? ""));
    void kit.console.answer(url, session, incoming, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address: AddressInfo | string | null = server.address();
  port = typeof address === "object" ? (address?.port ?? 0) : 0;
});
after(() => {
  kit.console.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  kit.console.close();
  kit = openConsole();
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly cookie: string;
}

async function call(name: string, session = "", body?: unknown): Promise<Answer> {
  const [method = "GET", path = "/"] = name.split(" ");
  const headers = { "content-type": "application/json", "x-session": session };
  const asked = request({ port, method, path, headers, agent: false });
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(asked, "response");
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
  }
  const cookie = String(response.headers["set-cookie"] ?? "");
  return {
    status: response.statusCode ?? 0,
    body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text,
    cookie,
  };
}

function sessionOf(
  roles: readonly Role[],
  wards: readonly string[] = ["north"],
  name = "ada",
): string {
  return kit.console.sessions.open({ name, who: `person/${name}`, roles, wards }).id;
}

/** The streams' first bytes, until there are so many events. */
async function streamed(session: string, count: number, act: () => void): Promise<string> {
  const asked = request({
    port,
    path: "/api/events",
    headers: { "x-session": session },
    agent: false,
  });
  asked.end();
  const [response] = await once(asked, "response");
  assert.equal(response.statusCode, 200);
  act();
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
    if (text.split("\n\n").length > count) {
      break;
    }
  }
  asked.destroy();
  return text;
}

const BOARD: BoardEvent = {
  at: 1,
  full: true,
  readings: DEVICES.map((device) => ({
    device,
    code: "MDC_PULS_OXIM_SAT_O2",
    path: "1.1.1",
    value: 97,
    text: "97",
    unit: "%",
    at: 1,
    quality: ["valid"],
  })),
  trends: DEVICES.map((device) => ({
    device,
    code: "MDC_PULS_OXIM_SAT_O2",
    path: "1.1.1",
    points: [[1, 95, 98]],
  })),
};

describe("who may call what", () => {
  /** Every route and who may call it. A new route is not in it, and that fails. */
  const WHO: Readonly<Record<string, readonly Role[]>> = {
    "GET /api/me": ROLES,
    "POST /api/logout": ROLES,
    "GET /api/wards": ROLES,
    "GET /api/facts": ROLES,
    "POST /api/break-glass": ["nurse", "doctor"],
    "GET /api/journal": ["it", "auditor"],
    "GET /api/accounts": ["it"],
    "POST /api/accounts": ["it"],
    "DELETE /api/accounts": ["it"],
  };

  test("every route is in the table, and each role gets to those that it may, and to no other", async () => {
    assert.deepEqual(Object.keys(kit.console.routes).toSorted(), Object.keys(WHO).toSorted());
    for (const [name, may] of Object.entries(WHO)) {
      assert.equal((await call(name, "", {})).status, 401, `${name} without a login`);
      for (const role of ROLES) {
        const { status } = await call(name, sessionOf([role]), {});
        assert.equal(status === 403, !may.includes(role), `${name} as ${role}: ${status}`);
      }
    }
    assert.equal((await call("GET /api/nothing", sessionOf(["it"]))).status, 404);
    assert.equal((await call("PUT /api/accounts", sessionOf(["it"]), {})).status, 404);
  });

  test("metrics for who may see the link; health for everybody, and nothing else of it", async () => {
    assert.equal((await call("GET /metrics")).status, 401);
    assert.equal((await call("GET /metrics", sessionOf(["nurse"]))).status, 404);
    const { status, body } = await call("GET /metrics", sessionOf(["it"]));
    assert.equal(status, 200);
    assert.match(String(body), /^wardgate_device_online\{device="bed-1\/monitor",model=""\} 1$/m);
    assert.match(String(body), /^wardgate_certificate_end_seconds 4000000000$/m);
    assert.deepEqual((await call("GET /healthz")).body, { state: "good" });
  });

  test("facts: a nurse learns of her beds, IT of all devices, neither of the other's part", async () => {
    const nurse = await call("GET /api/facts", sessionOf(["nurse"]));
    const it = await call("GET /api/facts", sessionOf(["it"]));
    const [hers, its] = [nurse.body, it.body] as [FactsEvent, FactsEvent];
    assert.deepEqual(
      hers.devices.map(({ device }) => device),
      ["bed-1/monitor", "bed-2/monitor"],
    );
    assert.equal(hers.link, undefined);
    assert.equal(hers.notices, undefined);
    assert.equal(its.devices.length, DEVICES.length);
    assert.equal(its.link?.connected, true);
  });
});

describe("what goes over a stream", () => {
  test("a reading of a bed outside one's wards never does, whoever one is", () => {
    const roles = fc.subarray([...ROLES]);
    const wards = fc.subarray(["north", "south", "nowhere"]);
    const all = [
      { ward: "north", beds: ["bed-1", "bed-2"] },
      { ward: "south", beds: ["bed-7"] },
    ];
    fc.assert(
      fc.property(roles, wards, (some, own) => {
        const may = new Set(permissionsOf(some));
        const sight = sightOf(may, own, all);
        const beds = new Set(
          all.filter(({ ward }) => own.includes(ward)).flatMap((one) => one.beds),
        );
        const board = boardFor(sight, BOARD);
        for (const { device } of [...board.readings, ...board.trends]) {
          assert.ok(may.has("values"));
          assert.ok(may.has("all-wards") || beds.has(bedOf(device)));
        }
        if (may.has("all-wards")) {
          assert.equal(board.readings.length, BOARD.readings.length);
        }
        const wave = {
          device: "bed-7/pump",
          code: "x",
          path: "",
          unit: "mV",
          at: 0,
          periodMs: 4,
          samples: [1],
        };
        const seen = wavesFor(sight, { waves: [wave] }).waves.length > 0;
        assert.equal(seen, may.has("waves") && (may.has("all-wards") || beds.has("bed-7")));
        assert.equal("link" in factsFor(sight, someFacts()), may.has("link"));
      }),
    );
  });

  test("the whole board first, then what is new; the ward of another one only after break-glass", async () => {
    kit.console.board(BOARD);
    const session = sessionOf(["nurse"]);
    const text = await streamed(session, 3, () => {
      kit.console.board({ ...BOARD, full: false, at: 2 });
      const open = kit.console.sessions.look(session);
      assert.ok(open !== null);
      kit.console.sessions.breakGlass(open, "south", 0);
      kit.console.facts(someFacts());
    });
    const events = text
      .split("\n\n")
      .filter((event) => event !== "")
      .map((event) => event.includes("bed-7"));
    assert.deepEqual(events, [false, false, true]);
    assert.equal(kit.watched[0]?.[0], true);
    assert.deepEqual(
      kit.journalled.map(({ kind }) => kind),
      ["view"],
    );
  });

  test("IT gets facts and no reading; a session that ends is told so", async () => {
    kit.console.board(BOARD);
    const session = sessionOf(["it"]);
    const text = await streamed(session, 3, () => {
      kit.console.board({ ...BOARD, full: false });
      kit.console.facts(someFacts());
      kit.console.sessions.changed("ada", null);
    });
    assert.doesNotMatch(text, /SAT_O2/);
    assert.match(text, /event: facts/);
  });

  test("no more viewers than there may be", async () => {
    const session = sessionOf(["it"]);
    const open = Array.from({ length: 8 }, () => {
      const asked = request({
        port,
        path: "/api/events",
        headers: { "x-session": session },
        agent: false,
      });
      asked.end();
      return asked;
    });
    await Promise.all(open.map((asked) => once(asked, "response")));
    assert.equal((await call("GET /api/events", session)).status, 429);
    open.forEach((asked) => asked.destroy());
  });
});

describe("people", () => {
  const ADA = { name: "ada", roles: ["it"], wards: [], password: "correct horse battery" };

  test("the first account is made behind a one-time login, signs in, and cannot be managed away", async () => {
    const local = kit.console.sessions.open(LOCAL).id;
    assert.equal((await call("GET /api/me", local)).body && kit.accounts, null);
    assert.equal(
      (await call("POST /api/accounts", local, { ...ADA, roles: ["nurse"] })).status,
      400,
    );
    assert.equal(
      (await call("POST /api/accounts", local, { ...ADA, password: "short" })).status,
      400,
    );
    assert.equal((await call("POST /api/accounts", local, ADA)).status, 200);
    assert.doesNotMatch(kit.accounts ?? "", /correct horse/);
    assert.match(kit.accounts ?? "", /argon2id\$/);
    const login = await call("POST /api/login", "", { name: "ada", password: ADA.password });
    assert.equal(login.status, 200);
    assert.match(login.cookie, /__Host-wardgate=.*Secure; HttpOnly; SameSite=Strict/);
    const id = /=([^;]+)/.exec(login.cookie)?.[1] ?? "";
    assert.equal((await call("DELETE /api/accounts?name=ada", id)).status, 400);
    assert.equal((await call("POST /api/accounts", id, { ...ADA, roles: ["nurse"] })).status, 400);
    assert.deepEqual(
      kit.journalled.map(({ kind }) => kind),
      [
        "account-changed",
        "account-changed",
        "account-changed",
        "login",
        "account-changed",
        "account-changed",
      ],
    );
  });

  test("a wrong password and a name that nobody has are told in the same words", async () => {
    const local = kit.console.sessions.open(LOCAL).id;
    await call("POST /api/accounts", local, ADA);
    const wrong = await call("POST /api/login", "", {
      name: "ada",
      password: "correct horse batterz",
    });
    const nobody = await call("POST /api/login", "", {
      name: "eve",
      password: "correct horse battery",
    });
    assert.equal(wrong.status, 401);
    assert.deepEqual(wrong, nobody);
    assert.equal(
      (await call("POST /api/login", "", { name: "ada", password: ADA.password })).status,
      200,
    );
  });

  test("another role, or none, acts at once on a session that is open", async () => {
    const local = kit.console.sessions.open(LOCAL).id;
    await call("POST /api/accounts", local, ADA);
    await call("POST /api/accounts", local, { ...ADA, name: "bea", roles: ["auditor"] });
    const session = sessionOf(["auditor"], [], "bea");
    assert.equal((await call("GET /api/journal", session)).status, 200);
    const change = { name: "bea", roles: ["nurse"], wards: ["north"] };
    assert.equal((await call("POST /api/accounts", local, change)).status, 200);
    assert.equal((await call("GET /api/journal", session)).status, 403);
    assert.equal((await call("DELETE /api/accounts?name=bea", local)).status, 200);
    assert.equal((await call("GET /api/me", session)).status, 401);
  });

  test("break-glass wants a reason, is written down before it opens anything, and ends", async () => {
    const session = sessionOf(["doctor"]);
    const asked = { ward: "south", reason: "patient moved, bed 7" };
    assert.equal(
      (await call("POST /api/break-glass", session, { ...asked, reason: "x" })).status,
      400,
    );
    assert.equal(
      (await call("POST /api/break-glass", session, { ...asked, ward: "none" })).status,
      400,
    );
    kit.journalProblem = new Error("the disk is full");
    assert.notEqual((await call("POST /api/break-glass", session, asked)).status, 200);
    kit.journalProblem = null;
    const wardsOf = async (): Promise<unknown> =>
      Object((await call("GET /api/me", session)).body).wards;
    assert.deepEqual(await wardsOf(), ["north"]);
    assert.equal((await call("POST /api/break-glass", session, asked)).status, 200);
    assert.deepEqual(await wardsOf(), ["north", "south"]);
    assert.deepEqual(kit.journalled.at(-1)?.what, {
      session: kit.console.sessions.look(session)?.mark,
      ...asked,
    });
    kit.clock += 14 * 60_000;
    kit.console.sessions.use(session);
    kit.clock += 60_000;
    assert.deepEqual(await wardsOf(), ["north"]);
  });

  test("what is no JSON, too long or of another form is refused in words", async () => {
    const local = kit.console.sessions.open(LOCAL).id;
    for (const body of [
      [],
      "x",
      { name: 1 },
      { name: "ada", roles: "it", wards: [] },
      { name: "x".repeat(20_000) },
    ]) {
      const { status, body: said } = await call("POST /api/accounts", local, body);
      assert.equal(status, 400);
      assert.match(JSON.stringify(said), /Cannot /);
    }
  });
});
