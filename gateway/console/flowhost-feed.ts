import type { Socket } from "node:net";

import { isDeviceId } from "../reading.ts";
import { RoomLink } from "../room-link.ts";
import {
  type FlowhostToListener,
  type ListenerToFlowhost,
  ROOMS_VERSION,
  WATCHED_DEVICES_MAX,
} from "../rooms.ts";
import type { BoardEvent, WavesEvent } from "./contract.ts";
import { parseFlowhostToListener } from "./flowhost-messages.ts";

export interface FlowhostFeedOptions {
  readonly onBoard: (event: BoardEvent) => void;
  readonly onWaves: (event: WavesEvent) => void;
  /** The flow host is there (true) or away, from when on values stand still. Only called when that changes. */
  readonly onUp: (up: boolean) => void;
}

type Link = RoomLink<FlowhostToListener, ListenerToFlowhost>;

/** Hears from the flow host what the board shows, while it is told that somebody looks. */
export class FlowhostFeed {
  readonly #options: FlowhostFeedOptions;
  #link: Link | null = null;
  #up = false;
  #watching: Extract<ListenerToFlowhost, { readonly t: "watch" }> = {
    t: "watch",
    on: false,
    waves: [],
  };

  constructor(options: FlowhostFeedOptions) {
    this.#options = options;
  }

  /** Takes a new socket to the flow host; the one before it is closed. The flow host is told again what is watched. */
  attach(socket: Socket): void {
    const before = this.#link;
    const link: Link = new RoomLink(socket, {
      parse: parseFlowhostToListener,
      onMessage: (message) => {
        if (link === this.#link) {
          this.#hear(message);
        }
      },
      onClose: () => {
        if (link === this.#link) {
          this.#setUp(false);
        }
      },
    });
    this.#link = link;
    before?.close();
    link.send({ t: "hello", version: ROOMS_VERSION });
    this.#sayWatching();
  }

  /**
   * Says whether anybody looks, and at the waveforms of which devices (64 at most). When somebody begins to look, and with each new
   * link, all that the board shows comes: in one event with `full` and others that go on from it.
   */
  watch(on: boolean, waves: readonly string[]): void {
    const devices = [...new Set(waves)].filter((device) => isDeviceId(device));
    this.#watching = { t: "watch", on, waves: devices.slice(0, WATCHED_DEVICES_MAX) };
    this.#sayWatching();
  }

  #hear(message: FlowhostToListener): void {
    switch (message.t) {
      case "hello":
        this.#setUp(true);
        break;
      case "board":
        this.#options.onBoard(message.event);
        break;
      case "waves":
        this.#options.onWaves(message.event);
        break;
    }
  }

  #sayWatching(): void {
    this.#link?.send(this.#watching);
  }

  #setUp(up: boolean): void {
    if (up !== this.#up) {
      this.#up = up;
      this.#options.onUp(up);
    }
  }
}
