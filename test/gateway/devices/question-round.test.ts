import assert from "node:assert/strict";
import { test } from "node:test";

import { QuestionRound } from "../../../gateway/devices/question-round.ts";

const often = { verb: "often", bytes: Uint8Array.of(1), everyMs: 1000 };
const rarely = { verb: "rarely", bytes: Uint8Array.of(2), everyMs: 10_000 };

function asks(round: QuestionRound, from: number, to: number, answer: boolean): string[] {
  const asked: string[] = [];
  for (let at = from; at < to; at += 100) {
    const ask = round.next(at);
    if (ask !== null) {
      asked.push(`${ask.verb}@${at}`);
      if (answer) {
        round.answered(ask.verb);
      }
    }
  }
  return asked;
}

test("each question is asked as often as it wants, one at a time", () => {
  const round = new QuestionRound([often, rarely], 500);
  const asked = ["often@0", "rarely@100", "often@1000", "often@2000"];
  assert.deepEqual(asks(round, 0, 2100, true), asked);
});

test("the next question waits for the answer, but not longer than its deadline", () => {
  const round = new QuestionRound([often, rarely], 500);
  assert.deepEqual(asks(round, 0, 1200, false), ["often@0", "rarely@500", "often@1000"]);
  assert.equal(round.missed("often"), 1);
  assert.equal(round.missed("rarely"), 1);
});

test("an answer ends the count of missed ones, also when it is late or to another question", () => {
  const round = new QuestionRound([often, rarely], 500);
  asks(round, 0, 900, false);
  round.answered("often");
  assert.equal(round.missed("often"), 0);
  assert.equal(round.asked, "rarely", "a late answer is no answer to what is asked now");
});
