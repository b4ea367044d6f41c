import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";

import { WardError } from "../../../gateway/errors.ts";
import type { SignedSettings } from "../../../gateway/identity/signed-settings.ts";
import { KeeperLink, type KeeperParts } from "../../../gateway/keeper/link.ts";
import { RoomLink } from "../../../gateway/room-link.ts";
import type { FlowhostToKeeper, KeeperToFlowhost } from "../../../gateway/rooms.ts";

const SETTINGS: SignedSettings = {
  version: 1,
  gateway: "gw-1",
  issuedAt: 1,
  authoring: true,
  recipients: [],
  receiptKey: "",
  broker: { url: "mqtts://127.0.0.1", serverName: "localhost" },
  lines: [],
  opcuaTrust: [],
  flows: [],
};
/** Turns of the event loop in which a link that can go on does go on. */
const TURNS = 300;

interface Linked {
  readonly link: KeeperLink;
  /** Bytes that the keeper has taken in. */
  readonly bytesRead: () => number;
  readonly flowhost: RoomLink<KeeperToFlowhost, FlowhostToKeeper>;
  readonly answers: KeeperToFlowhost[];
  readonly answered: (count: number) => Promise<void>;
}

async function linked(parts: Partial<KeeperParts>): Promise<Linked> {
  const [near, far] = await connectedSockets();
  const answers: KeeperToFlowhost[] = [];
  const waiting = new Set<() => void>();
  const flowhost = new RoomLink<KeeperToFlowhost, FlowhostToKeeper>(far, {
    parse: (value) => value as KeeperToFlowhost,
    onMessage: (message) => {
      if (message.t !== "hello") {
        answers.push(message);
        waiting.forEach((tell) => tell());
      }
    },
    onClose: () => undefined,
  });
  const never = async (): Promise<never> => assert.fail("not asked for");
  const link = new KeeperLink(
    near,
    {
      outbox: { put: never },
      vault: { read: never, write: never },
      settings: SETTINGS,
      journal: { append: async () => undefined },
      damaged: () => undefined,
      ...parts,
    },
    () => undefined,
  );
  const answered = async (count: number): Promise<void> => {
    while (answers.length < count) {
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
    }
  };
  return { link, bytesRead: () => near.bytesRead, flowhost, answers, answered };
}

async function connectedSockets(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  return [near, far];
}

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count += 1) {
    await turn();
  }
}

test("a flow host that asks and does not read gets no more than a few answers made for it", async () => {
  let read = 0;
  const text = "x".repeat(5 * 2 ** 20);
  const { link, flowhost, answers, answered } = await linked({
    vault: {
      read: async () => {
        read += 1;
        return text;
      },
      write: async () => undefined,
    },
  });
  flowhost.pause();
  for (let id = 1; id <= 100; id += 1) {
    flowhost.send({ t: "load", id, what: "settings" });
  }
  await turns();
  assert.ok(read >= 1 && read <= 4, `${read} documents read for nobody`);
  flowhost.resume();
  await answered(100);
  assert.deepEqual(
    answers.map((answer) => "id" in answer && answer.id),
    Array.from({ length: 100 }, (_, place) => place + 1),
  );
  link.close();
  flowhost.close();
});

test("saves and puts that the disk does not take are not read on and on; those before them stay", async () => {
  let [puts, saves] = [0, 0];
  const gate = Promise.withResolvers<void>();
  const { link, flowhost, answered } = await linked({
    outbox: {
      put: async () => {
        puts += 1;
        await gate.promise;
        return [];
      },
    },
    vault: {
      read: async () => null,
      write: async () => {
        saves += 1;
        await gate.promise;
      },
    },
  });
  const blob = Buffer.alloc(2 ** 20, "x");
  for (let id = 1; id <= 100; id += 1) {
    flowhost.send({ t: "put", id, epochs: [], batches: [], tally: 0 }, [blob]);
  }
  for (let id = 101; id <= 120; id += 1) {
    flowhost.send({ t: "save", id, what: "settings" }, [blob]);
  }
  await turns();
  assert.ok(puts >= 1 && puts <= 16, `${puts} puts wait`);
  assert.equal(saves, 0);
  gate.resolve();
  await answered(120);
  assert.deepEqual([puts, saves], [100, 20]);
  link.close();
  flowhost.close();
});

test("saves that wait for the disk are not gathered in memory", async () => {
  const gate = Promise.withResolvers<void>();
  const { link, bytesRead, flowhost, answered } = await linked({
    vault: { read: async () => null, write: () => gate.promise },
  });
  const blob = Buffer.alloc(2 ** 20, "x");
  for (let id = 1; id <= 60; id += 1) {
    flowhost.send({ t: "save", id, what: "settings" }, [blob]);
  }
  await turns();
  const taken = bytesRead() / blob.length;
  assert.ok(taken > 1 && taken < 8, `${taken} MiB of saves taken in`);
  gate.resolve();
  await answered(60);
  link.close();
  flowhost.close();
});

test("saves are carried out one after another, in their order", async () => {
  const written: string[] = [];
  let underWay = 0;
  const { link, flowhost, answers, answered } = await linked({
    vault: {
      read: async () => null,
      write: async (_name, text) => {
        underWay += 1;
        assert.equal(underWay, 1);
        await turn();
        underWay -= 1;
        written.push(text);
      },
    },
  });
  for (let id = 0; id < 20; id += 1) {
    flowhost.send({ t: "save", id, what: "flows" }, [Buffer.from(`text ${id}`)]);
  }
  flowhost.send({ t: "save", id: 20, what: "flows" }, [Buffer.from([0xff])]);
  await answered(21);
  assert.deepEqual(
    written,
    Array.from({ length: 20 }, (_, place) => `text ${place}`),
  );
  const last = answers.at(-1);
  assert.equal(last?.t === "failed" && last.code, "WARD_ROOM_MESSAGE");
  link.close();
  flowhost.close();
});

test("a deploy is written down before it is kept, and not kept when it cannot be", async () => {
  const acts: string[] = [];
  let isFull = false;
  const { link, flowhost, answers, answered } = await linked({
    vault: {
      read: async () => "[]",
      write: async (name, text) => void acts.push(`write ${name} ${text}`),
    },
    journal: {
      append: async (event) => {
        if (isFull) {
          throw new WardError("WARD_JOURNAL_WRITE", "Cannot write the journal: the disk is full.");
        }
        assert.ok(event.kind === "flows-deployed");
        acts.push(`journal ${event.what.document} ${event.what.before === event.what.after}`);
      },
    },
  });
  flowhost.send({ t: "save", id: 1, what: "flows" }, [Buffer.from("[1]")]);
  flowhost.send({ t: "save", id: 2, what: "flows" }, [Buffer.from("[]")]);
  flowhost.send({ t: "save", id: 3, what: "settings" }, [Buffer.from("{}")]);
  await answered(3);
  assert.deepEqual(acts, [
    "journal flows false",
    "write flows [1]",
    "journal flows true",
    "write flows []",
    "write settings {}",
  ]);
  isFull = true;
  flowhost.send({ t: "save", id: 4, what: "flows" }, [Buffer.from("[2]")]);
  await answered(4);
  const last = answers.at(-1);
  assert.equal(last?.t === "failed" && last.code, "WARD_JOURNAL_WRITE");
  assert.equal(acts.length, 5);
  link.close();
  flowhost.close();
});
