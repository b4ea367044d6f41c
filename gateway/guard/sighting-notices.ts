import type { NoticeText } from "../rooms.ts";
import type { NamedSighting } from "./message.ts";
import { sightingKey } from "./news.ts";

/** Names the devices at an address, or at a name by which settings know it. */
type DevicesAt = (host: string) => readonly string[];

/** Makes few, plain notices of what the guard saw: each fact once a day, and many of one device as one. */
export class SightingNotices {
  readonly #devicesAt: DevicesAt;
  readonly #toldAt = new Map<string, number>();
  #budget = BURST;
  #filledAt: number | null = null;
  #untold = 0;

  constructor(devicesAt: DevicesAt) {
    this.#devicesAt = devicesAt;
  }

  /** Of these sightings, those that were not told lately; `now` is monotonic milliseconds. */
  fresh(sightings: readonly NamedSighting[], now: number): readonly NamedSighting[] {
    const fresh = sightings.filter((sighting) => {
      const key = sightingKey(sighting);
      const last = this.#toldAt.get(key);
      if (last !== undefined && now - last < AGAIN_MS) {
        return false;
      }
      this.#toldAt.delete(key);
      this.#toldAt.set(key, now);
      return true;
    });
    for (const key of this.#toldAt.keys()) {
      if (this.#toldAt.size <= REMEMBERED_MAX) {
        break;
      }
      this.#toldAt.delete(key);
    }
    return fresh;
  }

  /** What to say of fresh sightings. `left`: how many more there were. */
  notices(fresh: readonly NamedSighting[], left: number, now: number): NoticeText[] {
    this.#untold += left;
    const notices: NoticeText[] = [];
    for (const group of Map.groupBy(fresh, ({ side, from }) => `${side} ${from}`).values()) {
      if (this.#mayTell(now)) {
        notices.push(this.#notice(group));
      } else {
        this.#untold += group.length;
      }
    }
    if (this.#untold > 0 && this.#mayTell(now)) {
      const text = `${this.#untold} more attempts to reach somebody who is not allowed were not told one by one. The journal has those that it had room for: wardgate journal show.`;
      notices.push({ device: "", notice: "unknown-destinations", text, since: null });
      this.#untold = 0;
    }
    return notices;
  }

  #notice(group: readonly NamedSighting[]): NoticeText {
    const [first] = group;
    const { side = "ward", from = "", name = "" } = first ?? {};
    const places = group.slice(0, SHOWN).map(placeText).join("; ");
    const others = group.length > SHOWN ? ` and ${group.length - SHOWN} more` : "";
    if (side === "own") {
      const text = `This gateway's box reached for ${places}${others}, which the signed settings do not name. If that is right, have it added there (network, own); else look what runs on the box.`;
      return { device: "", notice: "own-unknown-destination", text, since: null };
    }
    const devices = this.#devicesAt(from).concat(name === "" ? [] : this.#devicesAt(name));
    const who =
      devices.length === 0
        ? `${name || "An unlisted address"} (${from})`
        : `${listed(devices)} (${from})`;
    const text = `${who} reached for ${places}${others}, which nobody has allowed: it was dropped. If that is right, have it added to the signed settings (network, allow); else look at the device.`;
    const device = devices.length === 1 ? (devices[0] ?? "") : "";
    return { device, notice: "unknown-destination", text, since: null };
  }

  #mayTell(now: number): boolean {
    const filledAt = this.#filledAt ?? now;
    const more = Math.floor((now - filledAt) / EVERY_MS);
    this.#filledAt = filledAt + more * EVERY_MS;
    this.#budget = Math.min(BURST, this.#budget + more);
    if (this.#budget === 0) {
      return false;
    }
    this.#budget -= 1;
    return true;
  }
}

function placeText({ to, protocol, port }: NamedSighting): string {
  return port === null ? `${to}, ${protocol}` : `${to}, ${protocol} port ${port}`;
}

function listed(devices: readonly string[]): string {
  const all = [...new Set(devices)];
  return all.length > SHOWN
    ? `${all.slice(0, SHOWN).join(", ")} and ${all.length - SHOWN} more`
    : all.join(", ");
}

const SHOWN = 3;
const AGAIN_MS = 86_400_000;
const REMEMBERED_MAX = 8192;
/** Notices at once, and then one in so long. */
const BURST = 10;
const EVERY_MS = 60_000;
