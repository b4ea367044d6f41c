import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

import { errorText } from "../errors.ts";
import {
  GUARD_LINE_MAX,
  type GuardState,
  type GuardToKeeper,
  type KeeperToGuard,
  type NamedSighting,
  readGuardLine,
} from "../guard/message.ts";
import { SightingNotices } from "../guard/sighting-notices.ts";
import { hearLines } from "../guard/socket-lines.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import type { ConductDesk } from "./conduct-desk.ts";
import type { JournalBook } from "./journal-book.ts";
import type { KeeperNotices } from "./notices.ts";

export interface GuardDeskOptions {
  /** The guard's socket. */
  readonly socket: string;
  readonly dataDirectory: string;
  /** The signed settings say something of the network: then a guard that is away is worth a word. */
  readonly isNeeded: boolean;
  readonly conduct: Pick<ConductDesk, "devicesAt" | "neighbours">;
  readonly notices: Pick<KeeperNotices, "of">;
  readonly book: Pick<JournalBook, "append">;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  /** Monotonic milliseconds. Only tests give it. */
  readonly steady?: () => number;
}

/**
 * The keeper's talk with the guard in the path: it brings the signed settings as they were signed, and hears what the guard saw. Each is
 * written down, told, and only then confirmed, so that what was not is told to the next keeper.
 */
export class GuardDesk {
  readonly #options: GuardDeskOptions;
  readonly #sightings: SightingNotices;
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | null = null;
  #lastState: GuardState | null = null;
  /** What was said of settings that could not be read. */
  #unreadable = "";
  /** SHA-256 of the settings that were brought, and what was written down of them. */
  #brought = "";
  #writtenDown = "";
  /** When these last happened, monotonic milliseconds. */
  #broughtAt = Number.NEGATIVE_INFINITY;
  #heardAt: number;
  #saidTamperedAt = Number.NEGATIVE_INFINITY;
  /** Changes of rules that were not told yet. */
  #tampered = 0;
  /** Epoch milliseconds; null while it answers, or nobody was told that it does not. */
  #awaySince: number | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(options: GuardDeskOptions) {
    this.#options = options;
    this.#sightings = new SightingNotices(options.conduct.devicesAt);
    this.#heardAt = this.#steady();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket?.destroy();
  }

  #steady(): number {
    return this.#options.steady?.() ?? performance.now();
  }

  #look(): void {
    if (this.#socket === null) {
      this.#connect();
    } else if (this.#isRefused() && this.#steady() - this.#broughtAt >= BRING_AGAIN_MS) {
      this.#bring(this.#socket);
    }
    const silentMs = this.#steady() - this.#heardAt;
    if (silentMs >= AWAY_MS && this.#options.isNeeded && this.#awaySince === null) {
      this.#awaySince = this.#options.now() - silentMs;
      const text =
        "The guard of this gateway's network does not answer. Its rules stay in force, but who runs into them is not told.";
      this.#say("guard-away", text, this.#awaySince);
    }
  }

  /** What kept the guard from taking the settings may be over by now: a full disk, say. */
  #isRefused(): boolean {
    const state = this.#lastState;
    return state !== null && state.problem !== "" && state.site !== this.#brought;
  }

  #connect(): void {
    const socket = connect(this.#options.socket);
    this.#socket = socket;
    socket.unref();
    socket.on("connect", () => this.#bring(socket));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#socket = null;
    });
    hearLines(socket, GUARD_LINE_MAX, (line) => {
      try {
        this.#hear(socket, readGuardLine(line));
      } catch {
        socket.destroy();
      }
    });
  }

  #bring(socket: Socket): void {
    this.#broughtAt = this.#steady();
    try {
      const { dataDirectory } = this.#options;
      const site = readFileSync(join(dataDirectory, GATEWAY_FILES.settings));
      const signer = createPublicKey(
        readFileSync(join(dataDirectory, GATEWAY_FILES.settingsSigner)),
      ).export({ type: "spki", format: "der" });
      this.#brought = createHash("sha256").update(site).digest("hex");
      const [key, bytes] = [signer, site].map((part) => part.toString("base64"));
      this.#write(socket, { t: "settings", signer: key ?? "", site: bytes ?? "" });
      this.#unreadable = "";
    } catch (error) {
      const text = `The guard gets no settings: ${errorText(error)}`;
      if (text !== this.#unreadable) {
        this.#say("guard-trouble", text, null);
      }
      this.#unreadable = text;
      socket.destroy();
    }
  }

  #hear(socket: Socket, message: GuardToKeeper): void {
    switch (message.t) {
      case "state":
        this.#stateCame(message);
        return;
      case "neighbours":
        this.#options.conduct.neighbours(message.neighbours);
        return;
      case "seen":
        this.#work = this.#work.then(async () => {
          await this.#seen(message.sightings, message.left);
          this.#write(socket, { t: "heard", n: message.n });
        });
    }
  }

  /** Says what is new about the guard itself. */
  #stateCame(state: GuardState): void {
    const before = this.#lastState;
    this.#lastState = state;
    this.#heardAt = this.#steady();
    if (this.#awaySince !== null) {
      this.#say("guard-back", "The guard answers again.", this.#awaySince);
      this.#awaySince = null;
    }
    if (state.problem !== "" && state.problem !== before?.problem) {
      this.#say("guard-trouble", `The guard cannot do all it should: ${state.problem}`, null);
    }
    this.#tamperedWith(Math.max(0, state.tampered - (before?.tampered ?? 0)));
    const what = { site: state.site, place: state.place };
    if (state.site === this.#brought && JSON.stringify(what) !== this.#writtenDown) {
      this.#writtenDown = JSON.stringify(what);
      this.#note({ kind: "guard-rules", who: "gateway", outcome: "done", what });
    }
  }

  /** Two who set rules in turn would do so without end: that is told now and then. */
  #tamperedWith(times: number): void {
    if (times > 0) {
      this.#note({ kind: "guard-tampered", who: "gateway", outcome: "refused", what: {} });
    }
    this.#tampered += times;
    const now = this.#steady();
    if (this.#tampered > 0 && now - this.#saidTamperedAt >= TAMPERED_AGAIN_MS) {
      const often = this.#tampered === 1 ? "" : ` ${this.#tampered} times since this was told last`;
      const text = `Somebody has changed the rules of this gateway's network${often}; they were set right again. Look who works on this box.`;
      this.#say("guard-tampered", text, null);
      this.#saidTamperedAt = now;
      this.#tampered = 0;
    }
  }

  async #seen(sightings: readonly NamedSighting[], left: number): Promise<void> {
    const now = performance.now();
    const fresh = this.#sightings.fresh(sightings, now);
    await Promise.all(
      fresh.map(({ side, from, to, protocol, port }) => {
        const what = {
          side,
          from: `ip:${written(from)}`,
          to: `${protocol}:${written(to)}${port === null ? "" : `:${port}`}`,
        };
        const outcome = side === "ward" ? "refused" : "done";
        // Too many of them are counted in the journal; a full disk must not keep them from being told.
        return this.#options.book
          .append({ kind: "unknown-destination", who: "gateway", outcome, what })
          .catch(() => undefined);
      }),
    );
    for (const notice of this.#sightings.notices(fresh, left, now)) {
      this.#options.notices.of(notice);
    }
  }

  #note(event: Parameters<JournalBook["append"]>[0]): void {
    this.#options.book.append(event).catch(() => undefined);
  }

  #say(notice: string, text: string, since: number | null): void {
    this.#options.notices.of({ device: "", notice, text, since });
  }

  #write(socket: Socket, message: KeeperToGuard): void {
    socket.write(`${JSON.stringify(message)}\n`);
  }
}

function written(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

const LOOK_MS = 1000;
/** The guard says how it is doing with every look, some seconds apart. */
const AWAY_MS = 60_000;
const BRING_AGAIN_MS = 600_000;
const TAMPERED_AGAIN_MS = 600_000;
