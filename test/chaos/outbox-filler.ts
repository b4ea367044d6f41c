import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

import { digestOf } from "../../gateway/digest.ts";
import type { Reading } from "../../gateway/reading.ts";
import { RoomLink } from "../../gateway/room-link.ts";
import type { FlowhostToKeeper, KeeperToFlowhost } from "../../gateway/rooms.ts";
import { Sealer } from "../../gateway/sealing/seal.ts";
import { GATEWAY } from "../fakes/keeper-kit.ts";
import { reading } from "../fakes/sealing-kit.ts";

/** Stands for a flow host that seals and puts as fast as a keeper stores, with little memory. */
export class OutboxFiller {
  /** Readings that the keeper has acknowledged. */
  stored = 0;
  readonly #link: RoomLink<KeeperToFlowhost, FlowhostToKeeper>;
  readonly #boot = randomBytes(8).toString("hex");
  readonly #waiting = new Map<number, (answer: KeeperToFlowhost) => void>();
  readonly #policy = Promise.withResolvers<Sealer>();
  readonly #now: () => number;
  #ids = 0;
  #takes = 0;

  constructor(socket: Socket, now: () => number = Date.now) {
    this.#now = now;
    this.#link = new RoomLink<KeeperToFlowhost, FlowhostToKeeper>(socket, {
      parse: (value) => value as KeeperToFlowhost,
      onMessage: (message) => this.#hear(message),
      onClose: () => this.#lost(),
    });
    this.#link.send({ t: "hello", version: 1 });
  }

  /** Puts so many readings, and calls `step` at each hundredth. Rejects when the keeper does not take one. */
  async fill(readings: number, step: (part: number) => void): Promise<void> {
    const sealer = await this.#policy.promise;
    const puts = Math.ceil(readings / PUT_READINGS);
    let begun = 0;
    const lane = async (): Promise<void> => {
      while (begun < puts) {
        begun += 1;
        if (begun % Math.ceil(puts / 100) === 0) {
          step(begun / puts);
        }
        await this.#put(sealer);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  close(): void {
    this.#link.close();
  }

  /** One second of some monitors' numerics, in one batch with its tally. */
  async #put(sealer: Sealer): Promise<void> {
    const takes = Array.from({ length: PUT_READINGS / TAKE_READINGS }, () => this.#take());
    const batch = sealer.sealItems("vital", takes.flat());
    const tally = sealer.sealTally({
      version: 1,
      salts: [batch.salt],
      takes: takes.map((items) => ({
        device: items[0]!.device,
        boot: this.#boot,
        take: items[0]!.take,
        class: "vital",
        count: items.length,
        kept: 2 ** items.length - 1,
        withheld: 0,
        refused: 0,
        dropped: 0,
        digest: digestOf(items),
        rest: 0,
      })),
      gaps: [],
      droppedTabs: [],
    });
    const epochs = sealer.unconfirmedEpochs();
    const blobs = [...epochs.map(({ bytes }) => bytes), batch.bytes, tally.bytes];
    const answer = await this.#ask(epochs.length, blobs);
    if (answer.t !== "stored") {
      throw new Error(`the keeper did not store: ${JSON.stringify(answer)}`);
    }
    epochs.forEach(({ epoch }) => sealer.confirmEpoch(epoch));
    this.stored += PUT_READINGS;
  }

  #take(): Reading[] {
    this.#takes += 1;
    const take = Math.ceil(this.#takes / DEVICES);
    const device = `bed-${1 + (this.#takes % DEVICES)}/monitor`;
    const at = this.#now();
    return Array.from({ length: TAKE_READINGS }, (_, index) => {
      const value = 60 + ((take * 7 + index * 13) % 50);
      const more = { device, take, index, at, value, text: String(value), boot: this.#boot };
      return reading({ ...more, code: `MDC_CODE_${index}`, mdc: 150_000 + index });
    });
  }

  async #ask(epochs: number, blobs: readonly Uint8Array[]): Promise<KeeperToFlowhost> {
    this.#ids += 1;
    const id = this.#ids;
    const answer = new Promise<KeeperToFlowhost>((resolve) => this.#waiting.set(id, resolve));
    const places = Array.from({ length: epochs }, (_, place) => place);
    const batches = [{ class: "vital" as const, blob: epochs }];
    if (!this.#link.send({ t: "put", id, epochs: places, batches, tally: epochs + 1 }, blobs)) {
      await this.#link.drained();
    }
    return await answer;
  }

  #hear(message: KeeperToFlowhost): void {
    if (message.t === "hello") {
      const { recipients } = message.policy;
      const sealer = new Sealer({
        gateway: GATEWAY,
        origin: "flowhost",
        recipients,
        now: this.#now,
      });
      this.#policy.resolve(sealer);
    } else if ("id" in message) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }

  #lost(): void {
    for (const [id, resolve] of this.#waiting) {
      resolve({ t: "failed", id, code: "WARD_TEST", message: "the link has ended" });
    }
    this.#waiting.clear();
  }
}

/** Readings of one poll, and of one batch. */
const TAKE_READINGS = 20;
const PUT_READINGS = 200;
const DEVICES = 30;
/** Puts under way at a time. */
const LANES = 50;
