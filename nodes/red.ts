import { errorText, WardError } from "../gateway/errors.ts";
import type { FlowServices } from "../gateway/flow-services.ts";
import { offerChoices } from "./admin.ts";
import { Fields } from "./fields.ts";
import type { FlowMessage, Red, RedNode, Send, Sent, StatusFill, StatusShape } from "./node-red.ts";
import { servicesOf } from "./services.ts";
import { StatusGate } from "./status.ts";

/** One type of ward node. */
export interface NodeType {
  readonly type: string;
  /** Starts one node. Throws a WardError when its fields cannot be used; the node then says so and refuses messages. */
  readonly start: (node: WardNode) => Behaviour;
}

/** What a running node does. */
export interface Behaviour {
  /** Handles one message. Node-RED's `done` is called once, when this returned, resolved, threw or rejected. */
  readonly input?: (message: FlowMessage, send: Send) => void | Promise<void>;
  /** Some flows are about to stop, but every node still runs and can be sent to. */
  readonly stopping?: () => void;
  /** Ends what the node started. */
  readonly close?: () => void | Promise<void>;
}

/** What a node can use of the house it stands in. */
export interface WardNode {
  readonly id: string;
  /** Label of the tab it stands on. */
  readonly tab: string;
  readonly fields: Fields;
  readonly services: FlowServices;
  /** Another node, such as a config node, or null. */
  readonly find: (id: string) => unknown;
  readonly send: (message: Sent) => void;
  readonly status: (fill: StatusFill, shape: StatusShape, text: StatusText) => void;
  readonly warn: (text: string) => void;
}

/** A word of the node's catalogue under `status`, which the editor translates, or figures that need no translation. */
export type StatusText = { readonly word: string } | { readonly figures: string };

/**
 * Milliseconds a node may take to end: less than the flow host gives it (3 s), so that a deploy never ends in a timeout.
 * What a node could not finish is handed over again.
 */
const CLOSE_MS_MAX = 2500;

/**
 * Makes the function that a node file exports to Node-RED. It does for all ward nodes alike what is easy to get wrong: an
 * error of an async handler ends in `done(error)`, `done` is called exactly once per message, status is sent at most once a
 * second, and close waits for what is under way.
 */
export function defineNode({ type, start }: NodeType): (red: Red) => void {
  return (red) => {
    offerChoices(red);
    red.nodes.registerType(type, function construct(this: RedNode, fields: object) {
      red.nodes.createNode(this, fields);
      run(red, this, { type, start }, new Fields(fields));
    });
  };
}

function run(red: Red, node: RedNode, { type, start }: NodeType, fields: Fields): void {
  const gate = new StatusGate((status) => node.status(status));
  const house = (): WardNode => ({
    id: node.id,
    tab: tabOf(red, node),
    fields,
    services: servicesOf(red.settings.ward),
    find: (id) => red.nodes.getNode(id),
    send: (message) => node.send(message),
    status: (fill, shape, text) => gate.set({ fill, shape, text: statusText(type, text) }),
    warn: (text) => node.warn(text),
  });
  const behaviour = started(
    () => start(house()),
    (error) => {
      gate.set({ fill: "red", shape: "dot", text: `${type}.status.unusable` });
      node.error(error);
    },
  );
  const failed = (): void => {
    gate.set({ fill: "red", shape: "dot", text: `${type}.status.error` });
  };
  listen(node, behaviour, failed);
  const told = stoppersOf(red);
  told.add(behaviour);
  node.on("close", (_removed, done) => {
    told.delete(behaviour);
    gate.close();
    void ended(behaviour, (error) => node.error(error)).then(done);
  });
}

/** The running nodes of one Node-RED. It has one listener for all of them, since Node.js warns of more than ten. */
function stoppersOf({ events }: Red): Set<Behaviour> {
  const known = stoppers.get(events);
  if (known !== undefined) {
    return known;
  }
  const behaviours = new Set<Behaviour>();
  stoppers.set(events, behaviours);
  events.on("flows:stopping", () => {
    for (const behaviour of behaviours) {
      behaviour.stopping?.();
    }
  });
  return behaviours;
}

const stoppers = new WeakMap<object, Set<Behaviour>>();

function listen(node: RedNode, { input }: Behaviour, failed: () => void): void {
  if (input === undefined) {
    return;
  }
  node.on("input", (message, send, done) => {
    const fail = (thrown: unknown): void => {
      failed();
      done(asError(thrown));
    };
    let pending: void | Promise<void>;
    try {
      pending = input(message, send);
    } catch (error) {
      fail(error);
      return;
    }
    if (pending === undefined) {
      done();
    } else {
      void pending.then(() => done(), fail);
    }
  });
}

/** A node that cannot start stays on its tab and answers every message with the reason. */
function started(start: () => Behaviour, onError: (error: Error) => void): Behaviour {
  try {
    return start();
  } catch (thrown) {
    const error = asError(thrown);
    onError(error);
    return { input: () => Promise.reject(error) };
  }
}

async function ended({ close }: Behaviour, onError: (error: Error) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CLOSE_MS_MAX);
  try {
    await Promise.race([close?.(), promise]);
  } catch (thrown) {
    onError(asError(thrown));
  } finally {
    clearTimeout(timer);
  }
}

function tabOf(red: Red, node: RedNode): string {
  const label = red.util.getSetting(node, "NR_FLOW_NAME");
  return typeof label === "string" && label !== "" ? label : (node.z ?? "");
}

function statusText(type: string, text: StatusText): string {
  return "word" in text ? `${type}.status.${text.word}` : text.figures;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new WardError("WARD_INTERNAL", errorText(thrown));
}
