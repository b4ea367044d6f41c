import {
  ABORT,
  associationAcceptance,
  OPTION_NUMERICS_1S,
  OPTION_WAVES,
  readAcceptance,
} from "./association.ts";
import { dataMessage, list, OPERATION_INVOKE, u16, u32 } from "./encode.ts";
import { ACTION_POLL, ACTION_POLL_EXTENDED, NOTIFY_MDS_CREATED } from "./message.ts";
import { Octets } from "./octets.ts";
import { CLASS_MDS, CLASS_NUMERIC, CLASS_WAVE, readAttributes } from "./poll-reply.ts";
import { GROUP_PRODUCTION, GROUP_VALUES } from "./requests.ts";
import type { EncodedObject, SimulatedObjects } from "./simulated-mdib.ts";
import { SimulatedMdib } from "./simulated-mdib.ts";
import { BLOCK_MS } from "./simulated-objects.ts";
import type { PollHead } from "./simulated-results.ts";
import { resultMessages } from "./simulated-results.ts";

/** An extended poll that is being answered. */
interface Series {
  readonly head: PollHead;
  readonly periodMs: number;
  readonly untilAt: number;
  nextAt: number;
  sequence: number;
}

/**
 * The monitor's side of the protocol: one association at a time, the MDS create event until it is confirmed, single and extended
 * polls, and the end of the association when the client says nothing for 10 s. Times are epoch milliseconds.
 */
export class SimulatedMonitor {
  readonly #mdib: SimulatedMdib;
  #bootAt: number | null = null;
  #isRestarting = false;
  #silentUntil = 0;
  #state: "apart" | "unconfirmed" | "associated" = "apart";
  #hasWaves = false;
  #heardAt = 0;
  #creates = 0;
  #createAt = 0;
  readonly #series = new Map<number, Series>();

  constructor(seed: number, objects: SimulatedObjects) {
    this.#mdib = new SimulatedMdib(seed, objects);
  }

  setSensorOff(isOff: boolean): void {
    this.#mdib.isSensorOff = isOff;
  }

  /** Off and on again: the association is forgotten, the relative time starts anew. */
  restart(): void {
    this.#isRestarting = true;
  }

  tick(at: number): Uint8Array[] {
    if (this.#isRestarting) {
      this.#isRestarting = false;
      this.#part();
      this.#silentUntil = at + START_UP_MS;
      this.#bootAt = at;
    }
    this.#bootAt ??= at - UP_MS;
    if (at < this.#silentUntil || this.#state === "apart") {
      return [];
    }
    if (at - this.#heardAt >= TIMEOUT_MS) {
      this.#part();
      return [ABORT];
    }
    if (this.#state === "unconfirmed") {
      return this.#createAgain(at);
    }
    return [...this.#series.values()].flatMap((series) => this.#due(series, at));
  }

  hear(pdu: Uint8Array, at: number): Uint8Array[] {
    this.#bootAt ??= at - UP_MS;
    if (at < this.#silentUntil) {
      return [];
    }
    this.#heardAt = at;
    switch (pdu[0]) {
      case 0x0d:
        return this.#associate(pdu, at);
      case 0x09:
        // In order only: a release before the create event is confirmed is not heard.
        if (this.#state !== "associated") {
          return [];
        }
        this.#part();
        return [RELEASE_RESULT];
      case 0x19:
        this.#part();
        return [];
      case 0xe1:
        return this.#hearData(new Octets(pdu.subarray(4)), at);
      default:
        return [];
    }
  }

  #associate(pdu: Uint8Array, at: number): Uint8Array[] {
    const { minPollTicks, options } = readAcceptance(pdu);
    if (minPollTicks === null || options === null) {
      return [REFUSAL];
    }
    this.#part();
    this.#state = "unconfirmed";
    this.#hasWaves = (options & OPTION_WAVES) !== 0;
    const granted = {
      minPollTicks,
      receiveBytesMax: MESSAGE_BYTES_MAX,
      sendBytesMax: MESSAGE_BYTES_MAX,
      options: (OPTION_NUMERICS_1S | (this.#hasWaves ? OPTION_WAVES : 0)) >>> 0,
    };
    return [associationAcceptance(granted), ...this.#createAgain(at)];
  }

  /** The create event, at most three times. */
  #createAgain(at: number): Uint8Array[] {
    if (at < this.#createAt) {
      return [];
    }
    if (this.#creates === CREATES_MAX) {
      this.#part();
      return [ABORT];
    }
    this.#creates += 1;
    this.#createAt = at + CREATE_MS;
    const ticks = this.#ticks(at);
    const object = [...u16(CLASS_MDS), ...u16(0), ...u16(0)];
    const info = [...object, ...list(this.#mdib.mds(at, ticks))];
    const argument = [
      ...object,
      ...u32(ticks),
      ...u16(NOTIFY_MDS_CREATED),
      ...u16(info.length),
      ...info,
    ];
    return [dataMessage(OPERATION_INVOKE, CREATE_INVOKE, 1, argument)];
  }

  #hearData(octets: Octets, at: number): Uint8Array[] {
    const operation = octets.u16();
    octets.u16();
    const invoke = octets.u16();
    const command = octets.u16();
    if (operation === 2 && command === 1 && this.#state === "unconfirmed") {
      this.#state = "associated";
      return [];
    }
    if (operation !== OPERATION_INVOKE || command !== 7 || this.#state !== "associated") {
      return [];
    }
    octets.part(12);
    const action = octets.u16();
    octets.u16();
    const pollNumber = octets.u16();
    octets.u16();
    const objectClass = octets.u16();
    const group = octets.u16();
    const head: PollHead = {
      invoke,
      pollNumber,
      objectClass,
      group,
      isExtended: action === ACTION_POLL_EXTENDED,
    };
    if (action === ACTION_POLL) {
      return this.#single(head, at);
    }
    return head.isExtended
      ? this.#extended(head, readAttributes(octets)?.[0]?.value.u32() ?? 0, at)
      : [];
  }

  #single(head: PollHead, at: number): Uint8Array[] {
    return resultMessages(head, null, this.#ticks(at), this.#objects(head, at, 0));
  }

  #extended(head: PollHead, activeTicks: number, at: number): Uint8Array[] {
    const isWave = head.objectClass === CLASS_WAVE;
    if (isWave && !this.#hasWaves) {
      return [dataMessage(ERROR, head.invoke, ACCESS_DENIED, [])];
    }
    const periodMs = isWave ? BLOCK_MS : 1000;
    const series: Series = {
      head,
      periodMs,
      untilAt: at + activeTicks / TICKS_PER_MS,
      nextAt: at + periodMs,
      sequence: 0,
    };
    this.#series.set(head.objectClass, series);
    // The first result only confirms the poll.
    return resultMessages(head, series.sequence++, this.#ticks(at), []);
  }

  #due(series: Series, at: number): Uint8Array[] {
    const messages: Uint8Array[] = [];
    if (at > series.untilAt) {
      this.#series.delete(series.head.objectClass);
    }
    series.nextAt = Math.max(series.nextAt, at - LATE_MS_MAX);
    while (series.nextAt <= Math.min(at, series.untilAt)) {
      // A block of waves is there when its last sample is: its time is that of its first.
      const startAt = series.nextAt - (series.head.objectClass === CLASS_WAVE ? BLOCK_MS : 0);
      const objects = this.#objects(series.head, startAt, series.sequence);
      messages.push(
        ...resultMessages(series.head, series.sequence++, this.#ticks(startAt), objects),
      );
      series.nextAt += series.periodMs;
    }
    return messages;
  }

  #objects({ objectClass, group }: PollHead, at: number, sequence: number): EncodedObject[] {
    switch (objectClass) {
      case CLASS_NUMERIC:
        return this.#mdib.numerics(at, group !== GROUP_VALUES);
      case CLASS_WAVE:
        return this.#mdib.waves(at, sequence);
      case CLASS_MDS: {
        const attributes =
          group === GROUP_PRODUCTION
            ? this.#mdib.production()
            : [...this.#mdib.mds(at, this.#ticks(at)), ...this.#mdib.production()];
        return [{ context: 0, handle: 0, attributes }];
      }
      default:
        return [];
    }
  }

  #ticks(at: number): number {
    return Math.round((at - (this.#bootAt ?? at)) * TICKS_PER_MS) % 2 ** 32;
  }

  #part(): void {
    this.#state = "apart";
    this.#creates = 0;
    this.#createAt = 0;
    this.#series.clear();
  }
}

const TICKS_PER_MS = 8;
/** The simulated monitor has been on for so long. */
const UP_MS = 3_600_000;
const START_UP_MS = 4000;
const TIMEOUT_MS = 10_000;
const CREATE_MS = 3100;
const CREATES_MAX = 3;
const CREATE_INVOKE = 1;
const MESSAGE_BYTES_MAX = 1000;
/** Results that are made up for when ticks come late; older ones are skipped, as nobody listened. */
const LATE_MS_MAX = 2000;
const ERROR = 3;
const ACCESS_DENIED = 2;
const REFUSAL = Uint8Array.from([0x0c, 0x02, 0x00, 0x00]);
const RELEASE_RESULT = Uint8Array.from([
  0x0a, 0x18, 0xc1, 0x16, 0x61, 0x80, 0x30, 0x80, 0x02, 0x01, 0x01, 0xa0, 0x80, 0x63, 0x80, 0x80,
  0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
]);
