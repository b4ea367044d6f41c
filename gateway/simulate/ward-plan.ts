import { randomOf } from "../devices/simulator.ts";
import type { Simulator } from "./host.ts";

/** A device of a simulated ward. */
export interface PlannedDevice {
  /** Suggested device id. */
  readonly device: string;
  readonly model: string;
  /** As a simulator takes it: `pty`, or a scheme. */
  readonly line: string;
  readonly seed: number;
}

export const WARD_BEDS_MAX = 100;

/**
 * A mixed ward of 1 to 100 beds, the same for the same seed and the same simulators:
 *
 * - Bedside devices: their models are shuffled by the seed and dealt to the beds in turn, two to each bed; on a small ward the
 *   dealing goes on until every model is there once. Ids: `bed-7/<model>`.
 * - Rooms: one Modbus device for every four beds, and every model once. Ids: `room-2/<model>`.
 * - Servers: every OPC-UA device once, whatever the size: each costs a second and 90 MB. Ids: `server-1/<model>`.
 * - Lines: every second device that can be is on a pseudo terminal, up to 40 (each is three processes), the others on TCP.
 *   Modbus takes Modbus TCP and RTU over TCP in turn. So nothing that this machine lacks is needed.
 */
export function wardPlan(
  beds: number,
  seed: number,
  simulators: readonly Simulator[],
): PlannedDevice[] {
  const bedside = shuffled(simulators.filter(isBedside), randomOf(seed));
  const rooms = simulators.filter(isRoom);
  const servers = simulators.filter((simulator) => !isBedside(simulator) && !isRoom(simulator));
  const places = [
    ...dealt(bedside, BED_DEVICES * beds, (place) => `bed-${bedOf(place, beds)}`),
    ...dealt(rooms, Math.ceil(beds / ROOM_BEDS), (place) => `room-${place + 1}`),
    ...dealt(servers, 0, (place) => `server-${place + 1}`),
  ];
  const lines = new LineDealer();
  return places.map(({ simulator, where }, place) => ({
    device: `${where}/${simulator.model}`,
    model: simulator.model,
    line: lines.next(simulator),
    seed: seed + SEED_STEP * place,
  }));
}

const BED_DEVICES = 2;
const ROOM_BEDS = 4;
const PTYS_MAX = 40;
const SEED_STEP = 101;

/** Deals the kinds of line to the devices. */
class LineDealer {
  readonly #count = { pty: 0, bedside: 0, room: 0 };

  next({ lines }: Simulator): string {
    const [usual = "tcp"] = lines;
    const kind = lines.includes("modbus-tcp") ? "room" : "bedside";
    const place = this.#count[kind];
    this.#count[kind] += 1;
    const wanted = kind === "bedside" ? BEDSIDE_LINES : ROOM_LINES;
    const line = wanted[place % wanted.length] ?? usual;
    if (!lines.some((known) => known === line)) {
      return usual;
    }
    if (line === "pty" && this.#count.pty >= PTYS_MAX) {
      return lines.includes("tcp") ? "tcp" : usual;
    }
    this.#count.pty += line === "pty" ? 1 : 0;
    return line;
  }
}

const BEDSIDE_LINES = ["pty", "tcp"] as const;
const ROOM_LINES = ["modbus-tcp", "modbus-rtu+tcp", "pty"] as const;

function isBedside({ lines }: Simulator): boolean {
  return lines.includes("tcp");
}

function isRoom({ lines }: Simulator): boolean {
  return lines.includes("modbus-tcp");
}

/** Two neighbours for each bed, which are of different models; what is dealt beyond that goes round the beds. */
function bedOf(place: number, beds: number): number {
  const firstRound = BED_DEVICES * beds;
  return 1 + (place < firstRound ? Math.floor(place / BED_DEVICES) : (place - firstRound) % beds);
}

/** So many simulators, each of them at least once, from the first one on and round. */
function dealt(
  simulators: readonly Simulator[],
  count: number,
  where: (place: number) => string,
): { readonly simulator: Simulator; readonly where: string }[] {
  const rounds = Math.ceil(Math.max(count, simulators.length) / Math.max(1, simulators.length));
  return Array.from({ length: rounds }, () => simulators)
    .flat()
    .slice(0, Math.max(count, simulators.length))
    .map((simulator, place) => ({ simulator, where: where(place) }));
}

function shuffled<Thing>(things: readonly Thing[], random: () => number): readonly Thing[] {
  return things
    .map((thing) => ({ thing, key: random() }))
    .sort((one, other) => one.key - other.key)
    .map(({ thing }) => thing);
}
