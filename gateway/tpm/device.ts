import { closeSync, openSync, readSync, writeSync } from "node:fs";

import { errorCode, WardError } from "../errors.ts";
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
    const bytes = writeCommand(command);
    if (writeSync(this.#file, bytes) !== bytes.length) {
      throw new WardError("WARD_TPM", "Cannot use the TPM: it took only a part of a command.");
    }
    return readAnswer(this.#answer(), command);
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
    }
    return begun;
  }
}

const ANSWER_BYTES_MAX = 4096;

function opened(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    throw new WardError(
      "WARD_TPM_ABSENT",
      `Cannot use the TPM at ${path}: ${errorCode(error)}. Is there a TPM, is it switched on, and may this user open it?`,
      { cause: error },
    );
  }
}
