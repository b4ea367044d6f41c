import { argon2, randomBytes, timingSafeEqual } from "node:crypto";

import { WardError } from "../errors.ts";

/** Cost of a hash: OWASP's second choice for argon2id, 19 MiB, which a small box has. */
export interface PasswordCost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
}

export const PASSWORD_COST: PasswordCost = { memory: 19_456, passes: 2 };

/**
 * Makes and compares argon2id hashes (RFC 9106), one after the other: however many ask, they take the memory of one. A hash is
 * `argon2id$MEMORY$PASSES$SALT$TAG`, the last two in base64.
 */
export class Passwords {
  readonly #cost: PasswordCost;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(cost: PasswordCost = PASSWORD_COST) {
    this.#cost = cost;
  }

  /** Throws WardError `WARD_PASSWORD` for one that is too short or too long, `WARD_BUSY`. */
  async hash(password: string): Promise<string> {
    if (password.length < LENGTH_MIN || password.length > LENGTH_MAX) {
      throw new WardError(
        "WARD_PASSWORD",
        `Cannot use this password: it needs ${LENGTH_MIN} to ${LENGTH_MAX} characters.`,
      );
    }
    const salt = randomBytes(SALT_BYTES);
    const tag = await this.#tag(password, salt, this.#cost);
    const { memory, passes } = this.#cost;
    return ["argon2id", memory, passes, salt.toString("base64"), tag.toString("base64")].join("$");
  }

  /**
   * True for the password of this hash. Without one (an unknown name) it takes as long and is false. Throws WardError `WARD_BUSY`.
   */
  async fits(password: string, hash: string | null): Promise<boolean> {
    const known = hash === null ? null : partsOf(hash);
    const { memory, passes, salt } = known ?? { ...this.#cost, salt: Buffer.alloc(SALT_BYTES) };
    const tag = await this.#tag(password.slice(0, LENGTH_MAX + 1), salt, { memory, passes });
    return known !== null && timingSafeEqual(tag, known.tag);
  }

  async #tag(password: string, nonce: Buffer, { memory, passes }: PasswordCost): Promise<Buffer> {
    if (this.#waiting >= WAITING_MAX) {
      throw new WardError("WARD_BUSY", "Cannot look at a password now: too many do. Try again.");
    }
    this.#waiting += 1;
    const made = this.#last.then(
      () =>
        new Promise<Buffer>((resolve, reject) => {
          const parameters = { message: password, nonce, parallelism: 1, tagLength: TAG_BYTES };
          argon2("argon2id", { ...parameters, memory, passes }, (error, tag) =>
            error === null ? resolve(tag) : reject(error),
          );
        }),
    );
    this.#last = made.catch(() => undefined);
    try {
      return await made;
    } finally {
      this.#waiting -= 1;
    }
  }
}

interface HashParts extends PasswordCost {
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** Null for what is no hash of ours, or would cost more than it may. */
function partsOf(hash: string): HashParts | null {
  const [, memory = 0, passes = 0, salt = "", tag = ""] =
    /^argon2id\$(\d{1,6})\$(\d{1,2})\$([A-Za-z0-9+/=]{1,64})\$([A-Za-z0-9+/=]{44})$/.exec(hash) ??
    [];
  const parts = {
    memory: Number(memory),
    passes: Number(passes),
    salt: Buffer.from(salt, "base64"),
    tag: Buffer.from(tag, "base64"),
  };
  const isRight = parts.salt.length === SALT_BYTES && parts.tag.length === TAG_BYTES;
  return isRight && parts.memory >= 8 && parts.passes >= 1 ? parts : null;
}

const LENGTH_MIN = 10;
const LENGTH_MAX = 200;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** Logins and changes that may wait for each other. */
const WAITING_MAX = 16;
