import type { Socket } from "node:net";

import { errorCode, errorText, WardError } from "../errors.ts";
import { parseFlowhostToKeeper } from "./messages.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { RoomLink } from "../room-link.ts";
import {
  ROOMS_VERSION,
  type FlowhostToKeeper,
  type FlowPolicy,
  type KeeperToFlowhost,
  type OutboxStatus,
  type StoredDocument,
} from "../rooms.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import type { Vault } from "./vault.ts";

/** What the flow host's requests need. */
export interface KeeperParts {
  readonly outbox: Outbox;
  readonly vault: Vault;
  readonly settings: SignedSettings;
}

/** The keeper's end of the link to one flow host. */
export class KeeperLink {
  readonly #parts: KeeperParts;
  readonly #link: RoomLink<FlowhostToKeeper, KeeperToFlowhost>;
  #lastStatus = "";

  constructor(socket: Socket, parts: KeeperParts, closed: (reason: WardError | null) => void) {
    this.#parts = parts;
    this.#link = new RoomLink(socket, {
      parse: parseFlowhostToKeeper,
      onMessage: (message, blobs) => void this.#answer(message, blobs),
      onClose: closed,
    });
    this.#link.send({ t: "hello", version: ROOMS_VERSION, policy: policyOf(parts.settings) });
  }

  /** Tells how the outbox is doing, when it changed. */
  status(outbox: OutboxStatus): void {
    const text = JSON.stringify(outbox);
    if (text !== this.#lastStatus && !this.#link.full) {
      this.#lastStatus = text;
      this.#link.send({ t: "outbox", outbox });
    }
  }

  close(): void {
    this.#link.close();
  }

  async #answer(message: FlowhostToKeeper, blobs: readonly Uint8Array[]): Promise<void> {
    if (message.t === "hello") {
      return;
    }
    try {
      this.#link.send(await this.#done(message, blobs));
    } catch (error) {
      const { id } = message;
      // Bytes that are no sealed batch are a fault of the message: the flow host need not try them again.
      const code = errorCode(error) === "WARD_ENVELOPE" ? "WARD_ROOM_MESSAGE" : errorCode(error);
      this.#link.send({ t: "failed", id, code, message: errorText(error) });
    }
  }

  async #done(
    message: Exclude<FlowhostToKeeper, { t: "hello" }>,
    blobs: readonly Uint8Array[],
  ): Promise<KeeperToFlowhost> {
    const { id } = message;
    switch (message.t) {
      case "put":
        await this.#parts.outbox.put(this.#requestOf(message, blobs));
        return { t: "stored", id };
      case "load":
        return { t: "loaded", id, text: await this.#load(message.what) };
      case "save":
        await this.#save(message.what, message.text);
        return { t: "saved", id };
    }
  }

  /** What is called a batch of a class must be sealed as one: else a flow could pass anything for a tally. */
  #requestOf(
    message: Extract<FlowhostToKeeper, { t: "put" }>,
    blobs: readonly Uint8Array[],
  ): Parameters<Outbox["put"]>[0] {
    const named = [...message.batches, { class: "tally" as const, blob: message.tally }];
    return {
      epochs: message.epochs.map((blob) => blobs[blob] ?? NO_BYTES),
      batches: named.map(({ blob }) => blobs[blob] ?? NO_BYTES),
      classes: named.map(({ class: name }) => name),
    };
  }

  async #load(what: StoredDocument): Promise<string | null> {
    const { vault, settings } = this.#parts;
    if (what !== "flows") {
      return vault.read(what);
    }
    const stored = settings.authoring ? await vault.read("flows") : null;
    return stored ?? JSON.stringify(settings.flows);
  }

  async #save(what: StoredDocument, text: string): Promise<void> {
    const { vault, settings } = this.#parts;
    if (what === "flows" && !settings.authoring) {
      throw new WardError(
        "WARD_FLOWS_LOCKED",
        "Cannot save flows: this gateway runs signed flows only. Edit on a bench gateway and have the flows signed.",
      );
    }
    await vault.write(what, text);
  }
}

const NO_BYTES = new Uint8Array();

function policyOf({ gateway, recipients, authoring }: SignedSettings): FlowPolicy {
  return { gateway, recipients, authoring };
}
