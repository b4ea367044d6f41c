import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type BundleContent, type FlowNode, readBundle, writeBundle } from "../bundles/content.ts";
import { isChannel, VERSION_MAX } from "../bundles/manifest.ts";
import { type DeviceProfile, profileProblem, resolveProfiles } from "../bundles/profiles.ts";
import { driverOf } from "../devices/catalog.ts";
import { optionProblems } from "../devices/option-check.ts";
import { errorText, WardError } from "../errors.ts";
import { lintFlow } from "../flow-lint.ts";
import { askControl } from "../house/control.ts";
import { flowSubscriptions } from "../house/flow-subscriptions.ts";
import { loadSite } from "../house/site.ts";
import { fileJson, needOption, numberOption } from "./bundle-options.ts";
import type { CommandIo } from "./command.ts";
import { hubKeysOf } from "./hub-keys.ts";
import { programVersion } from "./program-version.ts";
import { readDescriptionFile } from "./yaml-file.ts";

/** `wardgate bundle build`: makes a bundle of files, or of what a bench gateway runs. */
export async function buildBundle(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: "string" },
      channel: { type: "string" },
      version: { type: "string" },
      "from-gateway": { type: "string" },
      flows: { type: "string" },
      recipients: { type: "string" },
      hub: { type: "string" },
      devices: { type: "string" },
      roles: { type: "string" },
      policy: { type: "string" },
      note: { type: "string", default: "" },
      "min-runtime": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const out = needOption("out", values.out);
  const channel = needOption("channel", values.channel);
  if (!isChannel(channel)) {
    throw new WardError("WARD_USAGE", "Cannot build: --channel is 1-32 of a-z, 0-9 and dash.");
  }
  const version = numberOption("version", needOption("version", values.version), {
    least: 1,
    most: VERSION_MAX,
  });
  const gateway = values["from-gateway"];
  const parts =
    gateway === undefined
      ? {
          flows: fileJson(needOption("flows", values.flows)),
          recipients:
            values.hub === undefined
              ? fileJson(needOption("hub", values.recipients))
              : (await hubKeysOf(values.hub)).recipients,
        }
      : await fromGateway(gateway);
  const content = {
    ...parts,
    devices: values.devices === undefined ? {} : readProfiles(values.devices),
    roles: values.roles === undefined ? {} : fileJson(values.roles),
    policy: values.policy === undefined ? {} : fileJson(values.policy),
  };
  if (!isContent(content)) {
    throw new WardError("WARD_USAGE", "Cannot build: flows and recipients must be JSON lists.");
  }
  const bytes = writeBundle(content, {
    channel,
    version,
    createdAt: Date.now(),
    minRuntime: values["min-runtime"] ?? (await programVersion()),
    note: values.note,
  });
  demandUsable(content);
  await writeFile(out, bytes).catch((error: unknown) => {
    throw new WardError("WARD_USAGE", `Cannot write ${out}: ${errorText(error)}.`);
  });
  const { manifest, sha256 } = readBundle(bytes);
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ file: out, sha256, bytes: bytes.length, manifest })}\n`
      : `Built ${out}: bundle ${version} of channel ${channel}, ${bytes.length} bytes, flow ${manifest.flowHash.slice(0, 16)}.\n`,
  );
  return 0;
}

/** Problems that are shown at once, at most. */
const PROBLEMS_MAX = 20;

/** A bench gateway is asked for the flow that its editor shows; whom it seals to is in its signed settings. */
async function fromGateway(
  dataDirectory: string,
): Promise<{ readonly flows: unknown; readonly recipients: unknown }> {
  const flows = await askControl(dataDirectory, "flows");
  const { recipients } = await loadSite(dataDirectory);
  return { flows: typeof flows === "string" ? JSON.parse(flows) : flows, recipients };
}

/** Descriptions of devices: `NAME.json` or `NAME.yaml`, told apart by which driver takes them. */
function readProfiles(directory: string): Readonly<Record<string, DeviceProfile>> {
  const profiles: Record<string, DeviceProfile> = {};
  for (const file of readdirSync(directory).sort()) {
    const name = /^([a-z0-9-]{1,64})\.(?:json|ya?ml)$/.exec(file)?.[1];
    if (name === undefined) {
      throw new WardError(
        "WARD_USAGE",
        `Cannot use ${file}: names are a-z, 0-9 and dash, .json or .yaml.`,
      );
    }
    const value: unknown = JSON.parse(readDescriptionFile(join(directory, file)));
    const problem = profileProblem(value);
    if (!isProfile(value)) {
      throw new WardError("WARD_USAGE", `Cannot use ${file}: ${problem}.`);
    }
    profiles[name] = value;
  }
  return profiles;
}

function isProfile(value: unknown): value is DeviceProfile {
  return profileProblem(value) === null;
}

/** What a bundle holds is checked when it is written; here only that there is something of each kind. */
function isContent(value: {
  readonly flows: unknown;
  readonly recipients: unknown;
  readonly roles: unknown;
  readonly policy: unknown;
}): value is BundleContent {
  return (
    Array.isArray(value.flows) &&
    Array.isArray(value.recipients) &&
    typeof value.roles === "object" &&
    typeof value.policy === "object"
  );
}

/** What a gateway would only find out while it tries the bundle. */
function demandUsable(content: BundleContent): void {
  const flows: readonly FlowNode[] = resolveProfiles(content.flows, content.devices);
  const problems = [
    ...lintFlow(flows).map(({ tab, node, text }) => `${tab}: ${node}: ${text}`),
    ...flowSubscriptions(flows).flatMap(({ device, model, options }) => {
      const driver = driverOf(model);
      const found =
        driver === undefined ? [`There is no model ${model}.`] : optionProblems(driver, options);
      return found.map((problem) => `${device}: ${problem}`);
    }),
  ];
  if (problems.length > 0) {
    const shown = problems.slice(0, PROBLEMS_MAX).join(" ");
    throw new WardError("WARD_BUNDLE_FLOW", `Cannot build: ${shown}`);
  }
}
