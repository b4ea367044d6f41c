import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";

import { WardError } from "../../gateway/errors.ts";
import type { AdminHandler, FlowMessage, Red, RedNode, RedStatus } from "../../nodes/node-red.ts";
import type { Behaviour, WardNode } from "../../nodes/red.ts";
import { defineNode } from "../../nodes/red.ts";
import { STATUS_INTERVAL_MS, StatusGate } from "../../nodes/status.ts";
import { FakeServices } from "../fakes/flow-services.ts";

/** The wrapper alone, under a Node-RED of ten lines: what must hold for every node whatever it does. */
class FakeRed {
  readonly events = new EventEmitter();
  readonly routes = new Map<string, readonly AdminHandler[]>();
  readonly permissions: string[] = [];
  readonly statuses: RedStatus[] = [];
  readonly errors: Error[] = [];
  readonly outcomes: (Error | undefined)[] = [];
  readonly listeners: Record<string, (...parameters: never[]) => unknown> = {};
  make: ((this: RedNode, fields: object) => void) | null = null;
  readonly red: Red;

  constructor(ward: unknown) {
    this.red = {
      nodes: {
        createNode: () => undefined,
        getNode: () => null,
        registerType: (_type, constructor) => {
          this.make = constructor;
        },
      },
      settings: { ward },
      events: this.events,
      util: { getSetting: () => "Ward A" },
      auth: {
        needsPermission: (permission) => {
          this.permissions.push(permission);
          return (_request, _response, next) => next();
        },
      },
      httpAdmin: { get: (path, ...handlers) => this.routes.set(path, handlers) },
    };
  }

  run(start: (node: WardNode) => Behaviour, fields: object = {}): void {
    defineNode({ type: "ward-test", start })(this.red);
    const node = {
      id: "n",
      on: (event: string, listener: (...parameters: never[]) => unknown) => {
        this.listeners[event] = listener;
      },
      send: () => undefined,
      status: (status: RedStatus) => this.statuses.push(status),
      warn: () => undefined,
      error: (error: Error) => this.errors.push(error),
    };
    this.make?.call(node, fields);
  }

  async receive(message: FlowMessage = {}): Promise<void> {
    const input = this.listeners["input"] as unknown as (
      message: FlowMessage,
      send: () => void,
      done: (error?: Error) => void,
    ) => void;
    input(
      message,
      () => undefined,
      (error) => this.outcomes.push(error),
    );
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  close(): Promise<void> {
    const close = this.listeners["close"] as unknown as (
      removed: boolean,
      done: () => void,
    ) => void;
    return new Promise((resolve) => close(false, resolve));
  }
}

test("done is called exactly once, however a handler ends", async () => {
  const boom = new WardError("WARD_TEST", "Cannot test: boom.");
  const handlers: [() => void | Promise<void>, Error | undefined][] = [
    [() => undefined, undefined],
    [() => Promise.resolve(), undefined],
    [
      () => {
        throw boom;
      },
      boom,
    ],
    [() => Promise.reject(boom), boom],
  ];
  for (const [input, outcome] of handlers) {
    const fake = new FakeRed(new FakeServices());
    fake.run(() => ({ input }));
    await fake.receive();
    assert.deepEqual(fake.outcomes, [outcome]);
  }
});

test("what is thrown but no error becomes one, with a code", async () => {
  const fake = new FakeRed(new FakeServices());
  const input = (): Promise<void> => Promise.reject("a text");
  fake.run(() => ({ input }));
  await fake.receive();
  const [error] = fake.outcomes;
  assert.ok(error instanceof WardError);
  assert.deepEqual([error.code, error.message], ["WARD_INTERNAL", "a text"]);
});

test("an error shows as status until something else does", async () => {
  const fake = new FakeRed(new FakeServices());
  fake.run(() => ({ input: () => Promise.reject(new Error("no")) }));
  await fake.receive();
  assert.deepEqual(fake.statuses, [{ fill: "red", shape: "dot", text: "ward-test.status.error" }]);
});

test("a node that cannot start says so once and answers each message with the reason", async () => {
  const fake = new FakeRed(new FakeServices());
  fake.run(({ fields }) => {
    fields.text("device", /^x$/, "an x");
    return {};
  });
  assert.match(
    fake.errors[0]?.message ?? "",
    /Cannot use field "device": it is not an x\. Open the node/,
  );
  await fake.receive();
  await fake.receive();
  assert.equal(fake.errors.length, 1);
  assert.deepEqual(fake.outcomes, [fake.errors[0], fake.errors[0]]);
  assert.equal(fake.statuses[0]?.text, "ward-test.status.unusable");
  await fake.close();
});

test("without the services of a gateway a node is an error, not a crash", async () => {
  for (const ward of [undefined, null, {}, { settle: true }]) {
    const fake = new FakeRed(ward);
    fake.run(({ services }) => ({ input: () => services.show([]) }));
    await fake.receive();
    const [error] = fake.outcomes;
    assert.ok(error instanceof WardError);
    assert.equal(error.code, "WARD_NODE_SERVICES");
  }
});

test("close waits for what the node ends, and goes on when that fails", async () => {
  const fake = new FakeRed(new FakeServices());
  let ended = false;
  const close = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    ended = true;
    throw new Error("too late");
  };
  fake.run(() => ({ close }));
  await fake.close();
  assert.equal(ended, true);
  assert.deepEqual(
    fake.errors.map(({ message }) => message),
    ["too late"],
  );
});

test("close does not wait for ever", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const fake = new FakeRed(new FakeServices());
  fake.run(() => ({ close: () => new Promise<void>(() => undefined) }));
  const closed = fake.close();
  context.mock.timers.tick(2500);
  await closed;
});

test("nodes are told that flows stop while all of them still run, with one listener for all", async () => {
  const fake = new FakeRed(new FakeServices());
  let told = 0;
  for (let node = 0; node < 20; node += 1) {
    fake.run(() => ({
      stopping: () => {
        told += 1;
      },
    }));
  }
  fake.events.emit("flows:stopping");
  assert.deepEqual([told, fake.events.listenerCount("flows:stopping")], [20, 1]);
  await fake.close();
  fake.events.emit("flows:stopping");
  assert.equal(told, 39, "a closed node is not told any more");
});

test("the forms' choices are offered once, with a permission of their own", () => {
  const services = new FakeServices();
  const fake = new FakeRed(services);
  fake.run(() => ({}));
  fake.run(() => ({}));
  assert.deepEqual([...fake.routes.keys()], ["/ward/models", "/ward/lines"]);
  assert.deepEqual(fake.permissions, ["ward.read"]);
  const answerOf = (path: string): unknown[] => {
    const answers: unknown[] = [];
    const response = {
      status: (code: number) => {
        answers.push(code);
        return response;
      },
      json: (body: unknown) => answers.push(body),
    };
    fake.routes.get(path)?.at(-1)?.({}, response, () => undefined);
    return answers;
  };
  assert.deepEqual(answerOf("/ward/models"), [services.models()]);
  assert.deepEqual(answerOf("/ward/lines"), [services.allowedLines()]);
  Reflect.set(fake.red, "settings", {});
  const [status, body] = answerOf("/ward/lines");
  assert.equal(status, 503);
  assert.equal(Reflect.get(Object(body), "code"), "WARD_NODE_SERVICES");
});

test("status: at once, then at most once a second, the last one wins, and only what changed", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const shown: (string | undefined)[] = [];
  const gate = new StatusGate(({ text }) => shown.push(text));
  for (const text of ["1", "2", "3"]) {
    gate.set({ text });
  }
  assert.deepEqual(shown, ["1"]);
  context.mock.timers.tick(STATUS_INTERVAL_MS);
  assert.deepEqual(shown, ["1", "3"]);
  context.mock.timers.tick(STATUS_INTERVAL_MS);
  gate.set({ text: "3" });
  gate.set({ text: "4" });
  assert.deepEqual(shown, ["1", "3", "4"]);
  gate.set({ text: "5" });
  gate.close();
  gate.set({ text: "6" });
  context.mock.timers.tick(5 * STATUS_INTERVAL_MS);
  assert.deepEqual(shown, ["1", "3", "4"]);
});
