import { refused } from "./refusal.ts";

/** The drivers that read what a site has described itself, and the option that takes the description. */
export const PROFILE_OPTIONS: Readonly<Record<string, string>> = {
  "generic-modbus": "map",
  "generic-line": "protocol",
  "generic-opcua": "points",
};

/** A description of a device: a register map, a line protocol or a table of points. */
export interface DeviceProfile {
  /** One of PROFILE_OPTIONS. */
  readonly model: string;
  readonly description: Readonly<Record<string, unknown>>;
}

type Node = Readonly<Record<string, unknown>>;

/** What is wrong with the form of a description of a device, or null. What it says is the driver's to judge. */
export function profileProblem(value: unknown): string | null {
  if (!isRecord(value) || Object.keys(value).length !== 2) {
    return "it is not {model, description}";
  }
  const { model, description } = value;
  if (typeof model !== "string" || !Object.hasOwn(PROFILE_OPTIONS, model)) {
    return `its model is none of ${Object.keys(PROFILE_OPTIONS).join(", ")}`;
  }
  return isRecord(description) ? null : "its description is no object";
}

/**
 * The flow as it runs: every `profile:NAME` among the options of a node is replaced by the text of that description. Throws
 * WardError `WARD_BUNDLE_CONTENT` for a name that is not there or belongs to another model.
 */
export function resolveProfiles(
  flows: readonly Node[],
  devices: Readonly<Record<string, DeviceProfile>>,
): readonly Node[] {
  return flows.map((node) => {
    const { options } = node;
    if (!Array.isArray(options)) {
      return node;
    }
    const rows: readonly unknown[] = options;
    const resolved = rows.map((row) => resolvedRow(row, node, devices));
    return resolved.every((row, place) => row === rows[place])
      ? node
      : { ...node, options: resolved };
  });
}

const PREFIX = "profile:";

function resolvedRow(
  row: unknown,
  node: Node,
  devices: Readonly<Record<string, DeviceProfile>>,
): unknown {
  const value = isRecord(row) ? row["value"] : null;
  if (!isRecord(row) || typeof value !== "string" || !value.startsWith(PREFIX)) {
    return row;
  }
  const name = value.slice(PREFIX.length);
  const profile = Object.hasOwn(devices, name) ? devices[name] : undefined;
  const fits =
    profile !== undefined &&
    profile.model === node["model"] &&
    PROFILE_OPTIONS[profile.model] === row["name"];
  if (!fits) {
    const device = String(node["device"]).slice(0, NAME_SHOWN);
    throw refused(
      "WARD_BUNDLE_CONTENT",
      `device ${device} uses ${value.slice(0, NAME_SHOWN)}, and there is no such description for it`,
    );
  }
  return { ...row, value: JSON.stringify(profile.description) };
}

const NAME_SHOWN = 80;

function isRecord(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
