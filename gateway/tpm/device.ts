import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";

import { errorCode, errorText, WardError } from "../errors.ts";
import { answerLength, readAnswer, writeCommand, type TpmAnswer, type TpmCommand } from "./wire.ts";

/** Who takes commands to a TPM and brings its answers. */
export type TpmSender = Pick<TpmDevice, "send">;

/**
 * A TPM as Linux shows it: a device that takes one command and gives one answer. Meant is `/dev/tpmrm0`, where the kernel lets
 * several programs take turns and tidies up after each.
 */
export class TpmDevice {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Lets `act` talk to the TPM. Throws WardError `WARD_TPM_ABSENT` when it cannot be opened, and as `act`. */
  static use<T>(path: string, act: (device: TpmDevice) => T): T {
    const file = opened(path);
    try {
      return act(new TpmDevice(file));
    } finally {
      closeSync(file);
    }
  }

  /** Throws TpmError, and WardError `WARD_TPM`. */
  send(command: TpmCommand): TpmAnswer {
    return readAnswer(this.#exchanged(writeCommand(command)), command);
  }

  #exchanged(bytes: Buffer): Buffer {
    try {
      if (writeSync(this.#file, bytes) !== bytes.length) {
        throw new WardError("WARD_TPM", "Cannot use the TPM: it took only a part of a command.");
      }
      return this.#answer();
    } catch (error) {
      if (error instanceof WardError) {
        throw error;
      }
      throw new WardError("WARD_TPM", `Cannot use the TPM: ${errorText(error)}.`, { cause: error });
    }
  }

  #answer(): Buffer {
    let begun = Buffer.alloc(0);
    for (let length = answerLength(begun); length === null || begun.length < length;) {
      const part = Buffer.alloc(ANSWER_BYTES_MAX);
      const count = readSync(this.#file, part);
      if (count === 0) {
        throw new WardError("WARD_TPM", "Cannot use the TPM: it does not answer.");
      }
      begun = Buffer.concat([begun, part.subarray(0, count)]);
      length = answerLength(begun);
      if (length !== null && length > ANSWER_BYTES_MAX) {
        throw new WardError("WARD_TPM", "Cannot use the TPM: its answer is too long.");
      }
    }
    return begun;
  }
}

const ANSWER_BYTES_MAX = 4096;

function whyNot(error: unknown): string {
  return error instanceof WardError ? error.message : errorCode(error);
}

function opened(path: string): number {
  try {
    // What a wrong path leads to must not be written over.
    if (!statSync(path).isCharacterDevice()) {
      throw new WardError("WARD_TPM_ABSENT", "it is no such device");
    }
    return openSync(path, "r+");
  } catch (error) {
    throw new WardError(
      "WARD_TPM_ABSENT",
      `Cannot use the TPM at ${path}: ${whyNot(error)}. Is there a TPM, is it switched on, and may this user open it?`,
      { cause: error },
    );
  }
}
