import type { NoticeFact } from "../console/contract.ts";
import { errorText, WardError } from "../errors.ts";
import { textAt, valueAt } from "../json-value.ts";
import { type NoticeText, type RoomName, ROOMS, type RoomToMain } from "../rooms.ts";
import { consoleFacts } from "./console-facts.ts";
import type { Health } from "./health.ts";
import type { RoomChild } from "./room-child.ts";
import type { RoomPlace } from "./room-place.ts";

/** What the desk knows of the house. */
export interface ConsoleDeskOptions {
  readonly gateway: () => string;
  readonly broker: () => string;
  readonly room: (name: RoomName) => Pick<RoomPlace, "ready" | "restarts" | "stats">;
  /** Asks the keeper; rejects when there is none. */
  readonly ask: (what: string) => Promise<unknown>;
}

/** Main's side of the pages: tells the listener how the gateway is while somebody looks, and asks the keeper for it. */
export class ConsoleDesk {
  readonly #options: ConsoleDeskOptions;
  #notices: readonly NoticeFact[] = [];
  #health: () => Health = () => ({ state: "good", text: "starting", forMs: 0 });
  #asking = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ConsoleDeskOptions) {
    this.#options = options;
  }

  /** From now on the pages say how the gateway is in these words. */
  tellHealth(health: () => Health): void {
    this.#health = health;
  }

  /** A notice was given; a repeated one replaces the one before. */
  heard({ device, notice, text }: NoticeText): void {
    const others = this.#notices.filter((old) => old.device !== device || old.notice !== notice);
    this.#notices = [{ at: Date.now(), device, notice, text }, ...others].slice(0, NOTICES_MAX);
  }

  /** From now on, or no longer, the listener is told every second. */
  watch(listener: Pick<RoomChild, "send" | "gone">, on: boolean): void {
    this.close();
    if (on) {
      const tell = (): void => {
        if (listener.gone) {
          this.close();
        } else {
          listener.send({ t: "facts", facts: this.#facts() });
        }
      };
      tell();
      this.#timer = setInterval(tell, TELL_MS);
    }
  }

  /** Answers a question of the listener: with a value, or with a problem in plain words. */
  async answer(
    listener: Pick<RoomChild, "send">,
    query: Extract<RoomToMain, { t: "query" }>,
  ): Promise<void> {
    const { id } = query;
    try {
      listener.send({ t: "queried", id, value: await this.#asked(query), problem: null });
    } catch (error) {
      listener.send({ t: "queried", id, value: null, problem: errorText(error) });
    }
  }

  close(): void {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }

  async #asked({ what, argument }: Extract<RoomToMain, { t: "query" }>): Promise<unknown> {
    if (what === "facts") {
      return this.#facts();
    }
    if (this.#asking >= ASKING_MAX) {
      throw new WardError(
        "WARD_ROOM_SILENT",
        "Cannot answer: too much is asked at once. Try again.",
      );
    }
    this.#asking += 1;
    try {
      const question =
        what === "journal" ? `journal-page ${pageOf(argument)}` : `${what} ${argument}`;
      const answer = await this.#options.ask(question.trim());
      if (answer === null || valueAt(answer, "error") !== undefined) {
        throw new WardError(
          textAt(answer, "code") || "WARD_ROOM_SILENT",
          textAt(answer, "error") ||
            "Cannot answer: the keeper of this gateway could not. Try again.",
        );
      }
      return answer;
    } finally {
      this.#asking -= 1;
    }
  }

  #facts(): ReturnType<typeof consoleFacts> {
    const { gateway, broker, room } = this.#options;
    return consoleFacts({
      gateway: gateway(),
      at: Date.now(),
      health: this.#health(),
      broker: broker(),
      rooms: ROOMS.map((name) => {
        const { ready, restarts } = room(name);
        return { room: name, running: ready, restarts };
      }),
      notices: this.#notices,
      bedside: room("bedside").stats,
      keeper: room("keeper").stats,
    });
  }
}

const TELL_MS = 1000;
const NOTICES_MAX = 100;
/** Questions on their way to the keeper, at most. */
const ASKING_MAX = 8;

/** `COUNT` or `COUNT FROM`. Throws WardError `WARD_USAGE`. */
function pageOf(argument: string): string {
  if (!/^\d{1,3}(?: \d{1,15})?$/.test(argument)) {
    throw new WardError("WARD_USAGE", "Cannot show the journal: this is no page of it.");
  }
  return argument;
}
