import { access, constants, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

import { askControl } from "./control.ts";
import { driverOf } from "../devices/catalog.ts";
import { errorCode, errorText } from "../errors.ts";
import { type GatewayIdentity, loadGatewayIdentity, verifyBinding } from "../identity/identity.ts";
import { isNearEnd, nearEndOfLists } from "../identity/revocation.ts";
import { textAt, valueAt } from "../json-value.ts";
import { lineKey } from "../lines/line-url.ts";
import { openLine } from "../lines/open-line.ts";
import { openMqtt } from "../mqtt/mqtt.ts";
import type { Subscription } from "../rooms.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import { loadGovernedSite } from "./governed-site.ts";
import { flowSubscriptions } from "./flow-subscriptions.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  readonly right: boolean;
  /** What was found, and what to do about it when it is wrong. */
  readonly text: string;
}

export interface CheckOptions {
  /** How long a device may take to give a good value (milliseconds). */
  readonly deviceMs: number;
  readonly stop: AbortSignal;
}

/** Looks at a gateway, one thing after the other; a later check that needs what an earlier one missed is left out. */
export async function* checkGateway(
  directory: string,
  options: CheckOptions,
): AsyncGenerator<Finding> {
  yield* checkClock();
  yield* checkDisk(directory);
  const identity = yield* attempt(
    "identity",
    () => loadGatewayIdentity(join(directory, "identity")),
    (found) =>
      `gateway ${found.gateway}, its keys ${found.keys.kind === "tpm" ? "in a TPM" : "in files"}`,
  );
  if (identity !== null) {
    yield* checkKeyFiles(directory);
    yield* checkCertificate(identity);
    yield* checkLists(identity);
  }
  const site = yield* attempt(
    "signed settings",
    () => loadGovernedSite(directory),
    (found) =>
      `signed ${new Date(found.issuedAt).toISOString()}, sealed to ${found.recipients.map(({ kid }) => kid).join(", ")}`,
  );
  if (site === null || identity === null) {
    return;
  }
  const running = await askRunning(directory);
  yield {
    what: "gateway",
    right: true,
    text: running === null ? "not running: broker and devices are tried" : "running",
  };
  yield* running === null ? checkBroker(identity, site) : checkRunningBroker(running);
  const subscriptions = flowSubscriptions(site.flows);
  if (running !== null) {
    yield* subscriptions.map((subscription) => runningDevice(subscription, running));
    return;
  }
  // Devices on different lines are tried at the same time, those that share a line one after the other.
  const lines = Map.groupBy(subscriptions, ({ line }) => line);
  const tried = [...lines.values()].map(async (onLine) => {
    const findings: Finding[] = [];
    for (const subscription of onLine) {
      findings.push(await checkDevice(subscription, site, join(directory, "opcua-pki"), options));
    }
    return findings;
  });
  for (const findings of tried) {
    yield* await findings;
  }
}

const DAY_MS = 86_400_000;
const FLOOR_MS = Date.UTC(2026, 0, 1);
const FREE_BYTES_MIN = 512 * 1024 * 1024;
const KEEPALIVE_S = 15;

interface Running {
  readonly outbox: unknown;
  readonly bedside: unknown;
}

async function askRunning(directory: string): Promise<Running | null> {
  try {
    return {
      outbox: await askControl(directory, "outbox"),
      bedside: await askControl(directory, "bedside"),
    };
  } catch (error) {
    if (errorCode(error) === "WARD_NOT_RUNNING") {
      return null;
    }
    throw error;
  }
}

async function* attempt<T>(
  what: string,
  act: () => T | Promise<T>,
  say: (found: T) => string,
): AsyncGenerator<Finding, T | null> {
  try {
    const found = await act();
    yield { what, right: true, text: say(found) };
    return found;
  } catch (error) {
    yield { what, right: false, text: errorText(error) };
    return null;
  }
}

function* checkClock(): Generator<Finding> {
  const now = Date.now();
  const right = now > FLOOR_MS;
  const text = new Date(now).toISOString();
  yield {
    what: "clock",
    right,
    text: right ? text : `${text} cannot be: set the clock or let it synchronise.`,
  };
}

async function* checkDisk(directory: string): AsyncGenerator<Finding> {
  try {
    await access(directory, constants.W_OK);
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    const right = free >= FREE_BYTES_MIN;
    const megabytes = Math.floor(free / 2 ** 20).toLocaleString("en-US");
    yield {
      what: "disk",
      right,
      text: `${megabytes} MB free${right ? "" : ": too little for an outage. Free some space."}`,
    };
  } catch (error) {
    yield { what: "disk", right: false, text: errorText(error) };
  }
}

async function* checkKeyFiles(directory: string): AsyncGenerator<Finding> {
  for (const name of ["gateway.key.pem", "signing.key.pem"]) {
    const { mode } = await stat(join(directory, "identity", name));
    const right = (mode & 0o077) === 0;
    yield {
      what: `file ${name}`,
      right,
      text: right
        ? "readable by its owner only"
        : `others can read it. Run: chmod 600 ${join(directory, "identity", name)}`,
    };
  }
}

function* checkCertificate(identity: GatewayIdentity): Generator<Finding> {
  const { validFromDate, validToDate } = identity.certificate;
  const life = { from: validFromDate.getTime(), until: validToDate.getTime() };
  const days = Math.floor((life.until - Date.now()) / DAY_MS);
  const early = validFromDate.getTime() > Date.now();
  const right = !isNearEnd(life, Date.now()) && !early;
  const until = `valid until ${validToDate.toISOString().slice(0, 10)} (${days} days)`;
  const advice = early
    ? ": not valid yet. Check the clock."
    : ": it should have been renewed. Look at the enrolment server, or give a new claim.";
  yield { what: "certificate", right, text: right ? until : `${until}${advice}` };
  try {
    verifyBinding(identity.binding, { gatewaysRoot: identity.gatewaysRoot, at: Date.now() });
    yield { what: "signing key", right: true, text: "bound to the certificate" };
  } catch (error) {
    yield { what: "signing key", right: false, text: errorText(error) };
  }
}

/** Past its end a list of revoked servers makes the gateway trust no broker any more. */
function* checkLists({ serversCrlPem }: GatewayIdentity): Generator<Finding> {
  if (serversCrlPem === undefined) {
    return;
  }
  const what = "list of revoked servers";
  try {
    const end = nearEndOfLists(serversCrlPem, Date.now());
    const day = end === null ? "" : new Date(end).toISOString().slice(0, 10);
    const text =
      end === null ? "fresh enough" : `counts until ${day}: bring a fresh one (wardgate ca crl).`;
    yield { what, right: end === null, text };
  } catch (error) {
    yield { what, right: false, text: errorText(error) };
  }
}

async function* checkBroker(
  identity: GatewayIdentity,
  site: SignedSettings,
): AsyncGenerator<Finding> {
  const connection = openMqtt({
    url: site.broker.url,
    serverName: site.broker.serverName,
    clientId: identity.gateway,
    username: identity.gateway,
    ca: identity.serversRootPem,
    cert: identity.certificateChainPem,
    key: identity.certificateKey.pem,
    ...(identity.serversCrlPem === undefined ? {} : { crl: identity.serversCrlPem }),
    keepaliveS: KEEPALIVE_S,
  });
  yield* attempt(
    "broker",
    () => connection.connect(),
    () =>
      `connected to ${site.broker.url} as ${identity.gateway}, MQTT ${connection.protocolVersion === 5 ? "5" : "3.1.1"}`,
  );
  await connection.close();
}

function* checkRunningBroker({ outbox }: Running): Generator<Finding> {
  const connected = valueAt(outbox, "connected") === true;
  yield {
    what: "broker",
    right: connected,
    text: connected
      ? "the gateway is connected"
      : textAt(outbox, "brokerError") ||
        "the gateway is not connected: look at the network and the broker.",
  };
}

function runningDevice({ device, model }: Subscription, { bedside }: Running): Finding {
  const state = textAt(bedside, "lines", device, "state") || "not opened";
  const text = textAt(bedside, "lines", device, "text");
  return {
    what: `device ${device}`,
    right: state === "online",
    text: `${model}: ${state}${text === "" ? "" : `, ${text}`}`,
  };
}

async function checkDevice(
  { device, model, line: url, unit, options }: Subscription,
  site: SignedSettings,
  opcuaPki: string,
  { deviceMs, stop }: CheckOptions,
): Promise<Finding> {
  const what = `device ${device}`;
  const driver = driverOf(model);
  if (driver === undefined) {
    return { what, right: false, text: `there is no driver for the model "${model}".` };
  }
  try {
    if (!site.lines.some((allowed) => lineKey(allowed) === lineKey(url))) {
      return {
        what,
        right: false,
        text: `the line ${lineKey(url)} is not in the signed settings.`,
      };
    }
    const line = await openLine(url, {
      opcuaTrust: site.opcuaTrust,
      opcuaPki,
      gateway: site.gateway,
    });
    try {
      return {
        what,
        ...(await firstValue(line, { device, driver, unit, options }, deviceMs, stop)),
      };
    } finally {
      await line.close();
    }
  } catch (error) {
    return { what, right: false, text: errorText(error) };
  }
}

function firstValue(
  line: Awaited<ReturnType<typeof openLine>>,
  spec: Parameters<typeof line.attach>[0],
  withinMs: number,
  stop: AbortSignal,
): Promise<{ right: boolean; text: string }> {
  return new Promise((resolve) => {
    let last = "no answer";
    const end = (right: boolean, text: string): void => {
      clearTimeout(timer);
      detach();
      resolve({ right, text: `${spec.driver.facts.model}: ${text}` });
    };
    const timer = setTimeout(
      () => end(false, `${last}. Check cable, power and device menu.`),
      withinMs,
    );
    stop.addEventListener("abort", () => end(false, "not finished"), { once: true });
    const detach = line.attach(spec, {
      frame: (frame) =>
        end(true, `${frame.readings.length + frame.waves.length} values in one frame`),
      fault: (fault) => {
        last = `${fault.fault}: ${fault.text}`;
      },
      state: (_state, text) => {
        last = text === "" ? last : text;
      },
      identity: () => undefined,
    });
  });
}
