import { join } from "node:path";

import { DRIVERS } from "../devices/catalog.ts";
import type { Driver, SerialFormat } from "../devices/device.ts";
import type { ModelChoice } from "../flow-services.ts";
import type { RoomName } from "../rooms.ts";
import type { Settings } from "../settings.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";

/** What main knows when it starts a room. */
export interface HouseFacts {
  readonly dataDirectory: string;
  readonly settings: Settings;
  readonly site: SignedSettings;
  /** How far the bedside before had counted, as text, or null. */
  readonly checkpoint: string | null;
  /** The flow has crashed again and again: the built-in collector-only flow runs instead. */
  readonly collectorOnly: boolean;
}

/** The start message of a room: what it needs to know, and nothing that another room's privilege hangs on. */
export function roomConfig(name: RoomName, facts: HouseFacts): unknown {
  const { dataDirectory, settings, site } = facts;
  switch (name) {
    case "keeper":
      return { dataDirectory, settings: site, tuning: settings };
    case "bedside":
      return {
        gateway: site.gateway,
        settings,
        allowedLines: site.lines,
        opcuaTrust: site.opcuaTrust,
        opcuaPki: opcuaPki(dataDirectory),
        previous: facts.checkpoint,
      };
    case "flowhost":
      return {
        gateway: site.gateway,
        mode: facts.collectorOnly ? "collector" : "flows",
        droppedAfterMs: settings.droppedAfterMs,
        allowedLines: site.lines,
        models: DRIVERS.map(modelChoice),
      };
    case "listener":
      return {
        host: settings.editorHost,
        port: settings.editorPort,
        directory: join(dataDirectory, "console"),
        gateway: site.gateway,
        authoring: site.authoring,
        wards: site.wards ?? [],
      };
  }
}

/** Where bedside keeps the certificate with which it shows itself to OPC-UA servers. */
export function opcuaPki(dataDirectory: string): string {
  return join(dataDirectory, "opcua-pki");
}

/** What the editor needs to know of a driver to offer it. */
function modelChoice(driver: Driver): ModelChoice {
  const { kind, options } = driver;
  const { model, maker, protocol, lines, mode, evidence } = driver.facts;
  const serial = driver.kind === "opcua" ? "" : serialText(driver.serial);
  return { model, maker, protocol, lines, kind, mode, evidence, serial, options };
}

function serialText({ baud, format, flow }: SerialFormat): string {
  return `${baud} ${format}${flow === "none" ? "" : ` ${flow}`}`;
}
