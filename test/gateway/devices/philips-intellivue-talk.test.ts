import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { DeviceOptions, Frame, LineScheme, Output } from "../../../gateway/devices/device.ts";
import { ABORT } from "../../../gateway/devices/philips-intellivue/association.ts";
import { driver } from "../../../gateway/devices/philips-intellivue/driver.ts";
import { serialFrame } from "../../../gateway/devices/philips-intellivue/serial-frames.ts";
import { simulator } from "../../../gateway/devices/philips-intellivue/simulator.ts";
import { mayAsk } from "../../../gateway/lines/stream-session.ts";
import { bytesOf, createEvent, framesOf, hexOf, plain, pollResult } from "./intellivue-text.ts";

const START = 1_795_000_000_000;
const STEP_MS = 100;

interface Said {
  readonly at: number;
  readonly verb: string;
  readonly bytes: Uint8Array;
}

/** A driver and a simulated monitor that talk without a line; the monitor may be told to do something at a time. */
function talk(
  options: DeviceOptions,
  seconds: number,
  over: LineScheme = "serial",
  act: (second: number, stream: ReturnType<typeof simulator.open>) => void = () => undefined,
): { said: Said[]; outputs: (Output & { at: number })[] } {
  const decoder = driver.open(options, over);
  const stream = simulator.open({ seed: 11 });
  const said: Said[] = [];
  const outputs: (Output & { at: number })[] = [];
  for (let at = 0; at < 1000 * seconds; at += STEP_MS) {
    act(at / 1000, stream);
    const wire = stream.tick(START + at);
    const todo = decoder.tick(at);
    while (wire.length + todo.length > 0) {
      todo.push(...wire.splice(0).flatMap((bytes) => decoder.push(bytes, at)));
      for (const output of todo.splice(0)) {
        outputs.push({ ...output, at });
        if (output.kind === "ask") {
          assert.ok(mayAsk(driver, output), `${output.verb} ${hexOf(output.bytes)}`);
          said.push({ at, verb: output.verb, bytes: output.bytes });
          wire.push(...(stream.receive?.(output.bytes, START + at) ?? []));
        }
      }
    }
  }
  return { said, outputs };
}

function verbsOf(said: readonly Said[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb } of said) {
    counts[verb] = (counts[verb] ?? 0) + 1;
  }
  return counts;
}

function readingsIn(outputs: readonly Output[]): Frame["readings"] {
  return framesOf(outputs).flatMap(({ readings }) => readings);
}

describe("talking with an IntelliVue monitor", () => {
  for (const over of ["serial", "udp"] as const) {
    test(`over ${over}: one association, its event confirmed, values every second`, () => {
      const { said, outputs } = talk({}, 60, over);
      assert.deepEqual(
        said.slice(0, 3).map(({ verb }) => verb),
        ["associate", "confirm-mds-create", "poll-mds"],
      );
      const counts = verbsOf(said);
      assert.equal(counts["associate"], 1);
      assert.ok((counts["poll-numerics"] ?? 0) >= 55, JSON.stringify(counts));
      assert.ok(outputs.every(({ kind }) => kind !== "fault"));
      const rates = readingsIn(outputs).filter(({ code }) => code === "MDC_ECG_HEART_RATE");
      assert.ok(rates.length >= 55);
      assert.ok(rates.every(({ deviceAt }) => deviceAt !== null));
      assert.equal(outputs.filter(({ kind }) => kind === "identity").length, 1);
      assert.ok(said.every(({ bytes }) => (bytes[0] === 0xc0) === (over === "serial")));
    });

    test(`over ${over}: waves and numerics that come by themselves, without a gap, for minutes`, () => {
      const { said, outputs } = talk({ waves: "yes", numerics: "extended" }, 200, over);
      const counts = verbsOf(said);
      assert.equal(counts["associate"], 1);
      assert.equal(counts["poll-numerics"], undefined);
      assert.ok((counts["poll-waves-extended"] ?? 0) <= 6, "asked again before it ends, not more");
      const waves = framesOf(outputs).flatMap((frame) => frame.waves);
      const lead = waves.filter(({ code }) => code === "MDC_ECG_ELEC_POTL_II");
      const pleth = waves.filter(({ code }) => code === "MDC_PULS_OXIM_PLETH");
      assert.ok(lead.length > 750 && pleth.length > 750, `${lead.length} ${pleth.length}`);
      assert.ok(lead.every(({ samples, period }) => samples.length === 64 && period.ms === 4));
      assert.ok(pleth.every(({ samples, period }) => samples.length === 32 && period.ms === 8));
      const rates = readingsIn(outputs).filter(({ code }) => code === "MDC_ECG_HEART_RATE");
      assert.ok(rates.length >= 190, String(rates.length));
    });
  }

  test("a monitor that was off comes back", () => {
    const { said, outputs } = talk({}, 60, "serial", (second, stream) => {
      if (second === 20) {
        stream.fault("restart", true);
      }
    });
    assert.equal(verbsOf(said)["associate"], 2);
    assert.ok(verbsOf(said)["release"] === 1 && verbsOf(said)["abort"] === 1);
    assert.ok(outputs.some(({ kind, at }) => kind === "frame" && at > 45_000));
  });

  test("a silent line is asked again and again, with pauses", () => {
    const { said } = talk({}, 60, "serial", (second, stream) => {
      if (second === 0) {
        stream.fault("silence", true);
      }
    });
    assert.deepEqual(Object.keys(verbsOf(said)), ["associate"]);
    assert.ok(said.length >= 10 && said.length <= 13, String(said.length));
  });

  test("a refusal and an abort are followed by a pause", () => {
    const decoder = driver.open({}, "udp");
    assert.equal(decoder.tick(0).length, 1);
    assert.equal(decoder.push(bytesOf("0c020000"), 100)[0]?.kind, "fault");
    assert.deepEqual(decoder.tick(9000), []);
    assert.equal(decoder.tick(10_200)[0]?.kind, "ask");
    decoder.push(ABORT, 10_300);
    assert.deepEqual(decoder.tick(13_000), []);
    assert.equal(decoder.tick(13_300)[0]?.kind, "ask");
  });

  test("an acceptance that was lost does no harm: the create event tells the same", () => {
    const decoder = driver.open({}, "udp");
    decoder.tick(0);
    const event = bytesOf(createEvent(800, "2026112310320700"));
    for (const at of [100, 3200]) {
      const [ask] = decoder.push(event, at);
      assert.equal(ask?.kind === "ask" && ask.verb, "confirm-mds-create", "every time it comes");
    }
    assert.equal(decoder.tick(3300)[0]?.kind, "ask");
  });

  test("results of an association that nobody here made: it is ended, then made anew", () => {
    const decoder = driver.open({}, "serial");
    decoder.tick(0);
    decoder.push(serialFrame(bytesOf(pollResult({ objects: [] }))), 1000);
    const verbs = [3000, 4000, 5000].flatMap((at) =>
      decoder.tick(at).map((ask) => ask.kind === "ask" && ask.verb),
    );
    assert.deepEqual(verbs, ["abort", "associate"]);
  });

  test("a monitor without waves is not asked for them; one that says no is asked later", () => {
    const decoder = driver.open({ waves: "yes" }, "udp");
    const verbs: string[] = [];
    decoder.tick(0);
    decoder.push(bytesOf(createEvent(800, "ffffffffffffffff")), 100);
    for (let at = 200; at < 90_000; at += STEP_MS) {
      for (const ask of decoder.tick(at)) {
        if (ask.kind === "ask") {
          verbs.push(ask.verb);
          const invoke = hexOf(ask.bytes.subarray(8, 10));
          const action = hexOf(ask.bytes.subarray(24, 26));
          decoder.push(
            ask.verb === "poll-waves-extended"
              ? bytesOf(`e10000020003 0006 ${invoke} 0002 0000`)
              : bytesOf(
                  `e1000002 0002 0028 ${invoke} 0007 0022 002100000000 ${action} 0018 0001 00001f40 ffffffffffffffff 0001 0006 0000 0000 0000`,
                ),
            at,
          );
        }
      }
    }
    assert.equal(verbs.filter((verb) => verb === "poll-waves-extended").length, 2);
    assert.ok(verbs.filter((verb) => verb === "poll-numerics").length > 80);
    assert.ok(!verbs.includes("release"));
  });

  test("on a tap nothing is ever said", () => {
    const decoder = driver.open({ listen: "only", waves: "yes" }, "udp");
    const event = bytesOf(createEvent(800, "2026112310320700"));
    assert.deepEqual([...decoder.tick(0), ...decoder.push(event, 0), ...decoder.tick(60_000)], []);
  });

  test("the simulated monitor gives up a client that says nothing for 10 s, and one that does not confirm", () => {
    const stream = simulator.open({ seed: 3 });
    const [ask] = driver.open({}, "udp").tick(0);
    const request = ask?.kind === "ask" ? ask.bytes : new Uint8Array(0);
    const answers = stream.receive?.(request, START) ?? [];
    assert.deepEqual(
      answers.map((bytes) => bytes[0]),
      [0x0e, 0xe1],
    );
    const later: string[] = [];
    for (let at = 100; at < 11_000; at += 100) {
      later.push(...stream.tick(START + at).map((bytes) => `${at} ${hexOf(bytes.subarray(0, 1))}`));
    }
    assert.deepEqual(later, ["3100 e1", "6200 e1", "9300 19"]);
  });
});

describe("what may be said to an IntelliVue monitor", () => {
  const wave = talk({ waves: "yes", numerics: "extended" }, 15, "udp").said;
  const plainTalk = talk({}, 15, "udp").said;
  const asks = [...new Map([...wave, ...plainTalk].map((said) => [said.verb, said])).values()];
  const isAllowed = (bytes: Uint8Array): boolean =>
    driver.verbs.some((read) => read.matches(bytes));

  test("every verb that the driver says is its own and no other, framed and bare", () => {
    for (const { verb, bytes } of asks) {
      for (const sent of [bytes, serialFrame(bytes)]) {
        const fits = driver.verbs.filter((read) => read.matches(sent)).map((read) => read.verb);
        assert.deepEqual(fits, [verb]);
      }
    }
  });

  test("a frame with any changed byte is none; a message changes only in its numbers", () => {
    for (const { verb, bytes } of asks) {
      const frame = serialFrame(bytes);
      for (let place = 0; place < frame.length; place += 1) {
        assert.ok(!isAllowed(frame.with(place, (frame[place] ?? 0) ^ 0x10)), `${verb} at ${place}`);
        assert.ok(!isAllowed(frame.filter((_, at) => at !== place)), `${verb} without ${place}`);
      }
      const free = bytes.reduce<number[]>((places, byte, place) => {
        const changed = [byte ^ 0x01, byte ^ 0x80].map((other) => bytes.with(place, other));
        return changed.some(isAllowed) ? [...places, place] : places;
      }, []);
      assert.deepEqual(free, FREE[verb] ?? [], verb);
    }
  });

  test("no control of the protocol gets through", () => {
    for (const [name, message] of Object.entries(CONTROL)) {
      const bytes = bytesOf(message);
      assert.ok(!isAllowed(bytes), name);
      assert.ok(!isAllowed(serialFrame(bytes)), `${name}, framed`);
    }
    assert.ok(
      !isAllowed(bytesOf(plain(CONTROL["set the wave list"] ?? "").replace("0005", "0007"))),
    );
  });
});

/** Places of an ask's numbers: invoke id, poll number, times, sizes. */
const FREE: Readonly<Record<string, readonly number[]>> = {
  "confirm-mds-create": [8, 9, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
  "poll-mds": [8, 9, 28, 29],
  "poll-numerics": [8, 9, 28, 29],
  "poll-numerics-extended": [8, 9, 28, 29, 45, 46, 47],
  "poll-waves-extended": [8, 9, 28, 29, 45, 46, 47],
};

/** What a client could say that changes something, or that Wardgate has no business to read. */
const CONTROL: Readonly<Record<string, string>> = {
  "set the wave list":
    "e1000002 0001 0022 0000 0005 001c 0021 0000 0000 00000000 0001 000e 0000 f23a 0008 0001 0004 00020102",
  "set without confirmation":
    "e1000002 0001 0022 0000 0004 001c 0021 0000 0000 00000000 0001 000e 0000 f23a 0008 0001 0004 00020102",
  "set the wave list to its default":
    "e1000002 0001 001a 0000 0005 0014 0021 0000 0000 00000000 0001 0006 0003 f23a 0000",
  "get the wave list": "e1000002 0001 0016 0000 0003 0010 0021 0000 0000 00000000 0001 0002 f23a",
  "another action":
    "e1000002 0001 001c 0001 0007 0016 0021 0000 0000 00000000 0c17 0008 0001 0001 0006 0000",
  "an action without confirmation":
    "e1000002 0001 001c 0001 0006 0016 0021 0000 0000 00000000 0c16 0008 0001 0001 0006 0000",
  "an action on another object":
    "e1000002 0001 001c 0001 0007 0016 0036 0000 0000 00000000 0c16 0008 0001 0001 0006 0000",
  "a scope":
    "e1000002 0001 001c 0001 0007 0016 0021 0000 0000 00000001 0c16 0008 0001 0001 0006 0000",
  "patient demographics":
    "e1000002 0001 001c 0001 0007 0016 0021 0000 0000 00000000 0c16 0008 0001 0001 002a 0807",
  alerts: "e1000002 0001 001c 0001 0007 0016 0021 0000 0000 00000000 0c16 0008 0001 0001 0036 0801",
  "a list of priorities in an extended poll":
    "e1000002 0001 002e 0001 0007 0028 0021 0000 0000 00000000 f13b 001a 0001 0001 0009 0000 0002 000e f13e 0004 0003a980 f228 0002 0004",
  "an extended poll for hours":
    "e1000002 0001 0028 0001 0007 0022 0021 0000 0000 00000000 f13b 0014 0001 0001 0009 0000 0001 0008 f13e 0004 00493e00",
  "an event of the client's own":
    "e1000002 0001 0014 0001 0001 000e 0021 0000 0000 00000000 0d06 0000",
  "data in a confirmation":
    "e1000002 0002 0016 0001 0001 0010 0021 0000 0000 00000000 0d06 0002 0000",
  "two messages in one":
    "e1000002 0001 001c 0001 0007 0016 0021 0000 0000 00000000 0c16 0008 0001 0001 0006 0000 e1000002",
};
