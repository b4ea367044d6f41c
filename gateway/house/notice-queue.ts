import type { NoticeText } from "../rooms.ts";

/** Notices that wait for bedside to number them. Bounded: of a flood, the oldest are kept and the rest is counted. */
export class NoticeQueue {
  #waiting: NoticeText[] = [];
  #left = 0;

  add(notice: NoticeText): void {
    if (this.#waiting.length < NOTICES_MAX) {
      this.#waiting.push(notice);
    } else {
      this.#left += 1;
    }
  }

  /** Everything that waits, with a last one that says how many found no room. */
  takeAll(): NoticeText[] {
    const notices = this.#waiting;
    if (this.#left > 0) {
      const text = `${this.#left} further notices of this gateway were not kept.`;
      notices.push({ device: "", notice: "notices-left-out", text, since: null });
    }
    this.#waiting = [];
    this.#left = 0;
    return notices;
  }
}

const NOTICES_MAX = 1000;
