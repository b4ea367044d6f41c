/** A device that can be read now. */
export interface ReadyDevice {
  /** Suggested device id, where devices have places. */
  readonly device?: string;
  readonly model: string;
  readonly line: string;
  readonly unit: number | null;
  /** Certificate to trust; only for OPC-UA. */
  readonly trust?: string;
}

/** What simulate and replay print when their devices can be read: one JSON line, or words. */
export function readyLine(what: string, devices: readonly ReadyDevice[], json: boolean): string {
  if (json) {
    return `${JSON.stringify({ kind: "ready", line: devices[0]?.line, devices })}\n`;
  }
  return `${what}:\n${devices.map(words).join("\n")}\n`;
}

function words({ device, model, line, unit, trust }: ReadyDevice): string {
  return [
    ...(device === undefined ? [] : [device]),
    model,
    line,
    ...(unit === null ? [] : [`unit ${unit}`]),
    ...(trust === undefined ? [] : [`trust ${trust}`]),
  ]
    .map((word) => `  ${word}`)
    .join("");
}
