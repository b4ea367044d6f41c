import { createHash } from "node:crypto";
import type { Socket } from "node:net";

import { flowHash } from "../bundles/canonical-json.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import { parseFlowhostToKeeper } from "./messages.ts";
import { Requests } from "./requests.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { FRAME_BLOB_BYTES_MAX } from "../room-frames.ts";
import { RoomLink } from "../room-link.ts";
import {
  ROOMS_VERSION,
  type FlowhostToKeeper,
  type FlowPolicy,
  type KeeperToFlowhost,
  type LoadedDocument,
  type OutboxStatus,
  type StoredDocument,
} from "../rooms.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import type { JournalBook } from "./journal-book.ts";
import type { Vault } from "./vault.ts";

/** What the flow host's requests need. */
export interface KeeperParts {
  readonly outbox: Pick<Outbox, "put">;
  readonly vault: Pick<Vault, "read" | "write">;
  readonly settings: SignedSettings;
  /** A deploy is written down before it is kept. */
  readonly journal: Pick<JournalBook, "append">;
  /** Called when the flow host cannot use a stored document. */
  readonly damaged: (name: StoredDocument) => void;
}

type Request = Exclude<FlowhostToKeeper, { t: "hello" }>;

/**
 * The keeper's end of the link to one flow host. It reads no further request while many are under way or the flow host does
 * not read the answers: what a flow host asks never takes more than a bounded part of the keeper's memory.
 */
export class KeeperLink {
  readonly #parts: KeeperParts;
  readonly #link: RoomLink<FlowhostToKeeper, KeeperToFlowhost>;
  readonly #requests = new Requests();
  /** Documents are loaded one after another, and saved one after another. */
  readonly #turns = { load: Promise.resolve(), save: Promise.resolve() };
  #lastStatus = "";
  #flowHash: string | null = null;
  #flowTold: string | null = null;

  constructor(socket: Socket, parts: KeeperParts, closed: (reason: WardError | null) => void) {
    this.#parts = parts;
    this.#link = new RoomLink(socket, {
      parse: parseFlowhostToKeeper,
      onMessage: (message, blobs) => {
        if (message.t !== "hello") {
          this.#begin(message, blobs);
        }
      },
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

  /** What names the flow that this flow host was given or has saved last; null before, and for what is no flow. */
  get flowHash(): string | null {
    return this.#flowHash;
  }

  /** Whether that has changed since this was asked last. */
  hasNewFlow(): boolean {
    const isNew = this.#flowHash !== this.#flowTold;
    this.#flowTold = this.#flowHash;
    return isNew;
  }

  #begin(message: Request, blobs: readonly Uint8Array[]): void {
    const bytes = blobs.reduce((sum, blob) => sum + blob.length, 0);
    const end = this.#requests.begin(message.t, bytes);
    if (this.#requests.full) {
      this.#link.pause();
    }
    const act = async (): Promise<void> => {
      await this.#answer(message, blobs);
      end();
      if (!this.#requests.full) {
        this.#link.resume();
      }
    };
    if (message.t === "put") {
      void act();
    } else {
      this.#turns[message.t] = this.#turns[message.t].then(act);
    }
  }

  /** Resolves when the flow host has read so much that the next answer may follow. */
  async #answer(message: Request, blobs: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#carryOut(message, blobs);
    } catch (error) {
      const { id } = message;
      // Bytes that are no sealed batch are a fault of the message: the flow host need not try them again.
      const code = errorCode(error) === "WARD_ENVELOPE" ? "WARD_ROOM_MESSAGE" : errorCode(error);
      this.#link.send({ t: "failed", id, code, message: errorText(error) });
    }
    if (this.#link.full) {
      await this.#link.drained();
    }
  }

  async #carryOut(message: Request, blobs: readonly Uint8Array[]): Promise<void> {
    const { id } = message;
    switch (message.t) {
      case "put":
        await this.#parts.outbox.put(this.#requestOf(message, blobs));
        this.#link.send({ t: "stored", id });
        break;
      case "load": {
        const text = this.#link.closed ? null : await this.#load(message.what);
        if (message.what === "flows" || message.what === "signed-flows") {
          this.#flowHash = hashOf(text);
        }
        const document = text === null ? [] : [bytesOf(message.what, text)];
        this.#link.send({ t: "loaded", id, found: text !== null }, document);
        break;
      }
      case "save":
        await this.#save(message.what, blobs[0] ?? NO_BYTES);
        this.#link.send({ t: "saved", id });
        break;
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

  /** The flow that this flow host runs, as text. */
  async flows(): Promise<string | null> {
    return this.#load("flows");
  }

  /** On a locked gateway nothing counts but what was signed, whatever an earlier flow host has saved. */
  async #load(what: LoadedDocument): Promise<string | null> {
    const { vault, settings, damaged } = this.#parts;
    const signed = JSON.stringify(settings.flows);
    if (what === "signed-flows") {
      if (settings.authoring) {
        damaged("flows");
      }
      return signed;
    }
    const stored = settings.authoring ? await vault.read(what) : null;
    return stored ?? (what === "flows" ? signed : null);
  }

  async #save(what: StoredDocument, document: Uint8Array): Promise<void> {
    const { vault, settings, journal } = this.#parts;
    if (!settings.authoring) {
      throw new WardError(
        "WARD_FLOWS_LOCKED",
        `Cannot save ${what}: this gateway runs signed flows only. Edit on a bench gateway and have the flows signed.`,
      );
    }
    const text = textOf(document);
    // The editor's own settings are how somebody likes to see it.
    if (what !== "settings") {
      await journal.append({
        kind: "flows-deployed",
        who: "editor",
        outcome: "accepted",
        what: {
          document: what,
          before: sha256((await this.#load(what)) ?? ""),
          after: sha256(text),
        },
      });
    }
    await vault.write(what, text);
    if (what === "flows") {
      this.#flowHash = hashOf(text);
    }
  }
}

/** A stored flow that is damaged is named by nothing. */
function hashOf(flows: string | null): string | null {
  try {
    const nodes: unknown = JSON.parse(flows ?? "");
    return Array.isArray(nodes) ? flowHash(nodes) : null;
  } catch {
    return null;
  }
}

const NO_BYTES = new Uint8Array();

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function bytesOf(what: LoadedDocument, text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > FRAME_BLOB_BYTES_MAX) {
    throw new WardError(
      "WARD_DOCUMENT_LARGE",
      `Cannot load ${what}: ${bytes.length} bytes, more than ${FRAME_BLOB_BYTES_MAX}. Have smaller flows signed.`,
    );
  }
  return bytes;
}

function textOf(document: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document);
  } catch (error) {
    throw new WardError("WARD_ROOM_MESSAGE", "Cannot save a document: it is no text.", {
      cause: error,
    });
  }
}

function policyOf({ gateway, recipients, authoring }: SignedSettings): FlowPolicy {
  return { gateway, recipients, authoring };
}
