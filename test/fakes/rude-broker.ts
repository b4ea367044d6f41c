import { fakeRecord } from "./record-codec.ts";
import {
  answer5,
  connack5,
  packetId,
  puback5,
  TYPE,
  type Packet,
  type Script,
} from "./scripted-broker.ts";

/** What the rude broker did with records, as `class sequence`. */
export interface RudeBroker {
  readonly script: Script;
  /** Records it has truly taken: it sent PUBACK with reason 0 for them. */
  readonly taken: Set<string>;
  /** What it did to a PUBLISH, and how often. */
  readonly acts: Map<string, number>;
  /** From now on it does what a broker should. */
  calm(): void;
}

/**
 * A broker of MQTT 5 that answers what comes with what its seed says: late, twice, wrongly, in no order, not at all, with a
 * refusal, with noise, or with the end of the connection. `accepted` hears of each record that it truly took.
 */
export function makeRudeBroker(seed: number, accepted: (record: string) => void): RudeBroker {
  const random = makeRandom(seed);
  const taken = new Set<string>();
  const acts = new Map<string, number>();
  let isCalm = false;
  const accept = (packet: Packet): Buffer => {
    const record = recordIn(packet);
    if (record !== null) {
      taken.add(record);
      accepted(record);
    }
    return puback5(packet);
  };
  const script: Script = (packet, socket) => {
    const act = isCalm ? "take" : actOf(random());
    acts.set(act, (acts.get(act) ?? 0) + 1);
    if (act === "hang up") {
      socket.destroy();
      return;
    }
    if (act === "goodbye") {
      socket.end(Buffer.from([0xe0, 2, 139, 0]));
      return;
    }
    if (act === "noise") {
      socket.write(Buffer.from(Array.from({ length: 8 }, () => Math.floor(random() * 256))));
      return;
    }
    if (act === "silence") {
      return;
    }
    if (packet.type !== TYPE.publish) {
      socket.write(politeAnswer(packet));
      return;
    }
    const id = packetId(packet);
    switch (act) {
      case "take":
        socket.write(accept(packet));
        return;
      case "take twice":
        socket.write(Buffer.concat([accept(packet), puback5(packet, 16), puback5(packet)]));
        return;
      case "take late":
        setTimeout(() => {
          if (socket.writable) {
            socket.write(accept(packet));
          }
        }, random() * 40);
        return;
      case "nobody":
        socket.write(puback5(packet, 16));
        return;
      case "refuse":
        socket.write(puback5(packet, random() < 0.5 ? 135 : 151));
        return;
      case "wrong id":
        socket.write(answer5(TYPE.puback, (id + 7000) % 65_535, [0]));
        return;
      case "QoS 2":
        socket.write(answer5(TYPE.pubcomp, id));
    }
  };
  return {
    script,
    taken,
    acts,
    calm: () => {
      isCalm = true;
    },
  };
}

const ACTS = [
  ["take", 60],
  ["take twice", 8],
  ["take late", 14],
  ["nobody", 5],
  ["refuse", 4],
  ["wrong id", 3],
  ["QoS 2", 3],
  ["silence", 3],
  ["noise", 2],
  ["goodbye", 2],
  ["hang up", 3],
] as const;

function actOf(random: number): (typeof ACTS)[number][0] {
  let left = random * ACTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [act, weight] of ACTS) {
    left -= weight;
    if (left < 0) {
      return act;
    }
  }
  return "take";
}

/** The filters of a SUBSCRIBE that has no properties (MQTT 5 section 3.8). */
function filtersOf({ body }: Packet): string[] {
  const filters: string[] = [];
  for (let at = 3; at + 2 <= body.length;) {
    const end = at + 2 + body.readUInt16BE(at);
    filters.push(body.toString("utf8", at + 2, end));
    at = end + 1;
  }
  return filters;
}

function politeAnswer(packet: Packet): Buffer {
  switch (packet.type) {
    case TYPE.connect:
      return connack5(0);
    case TYPE.subscribe:
      // After no properties, one reason code for each of the filters.
      return answer5(TYPE.suback, packet.body.readUInt16BE(0), [
        0,
        ...filtersOf(packet).map(() => 1),
      ]);
    case TYPE.pingreq:
      return Buffer.from([0xd0, 0]);
    default:
      return Buffer.alloc(0);
  }
}

/** The record in a PUBLISH of ours, or null when it carries something else. */
function recordIn({ body }: Packet): string | null {
  const topicBytes = body.readUInt16BE(0);
  const topic = body.toString("latin1", 2, 2 + topicBytes);
  if (!/\/up\/(?:live|backlog)\//.test(topic)) {
    return null;
  }
  // Packet id (2) and empty properties (1) follow the topic.
  const { class: name, sequence } = fakeRecord(body.subarray(5 + topicBytes));
  return `${name} ${sequence}`;
}

/** mulberry32. */
function makeRandom(seed: number): () => number {
  let state = Math.trunc(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
