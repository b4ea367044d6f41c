import type { LineScheme } from "../gateway/devices/device.ts";
import { WardError } from "../gateway/errors.ts";
import { parseLineUrl } from "../gateway/lines/line-url.ts";
import { bad, Fields } from "./fields.ts";
import type { Red, RedNode } from "./node-red.ts";

/** A type of config node: one shared line that devices hang on. */
export interface LineType {
  readonly type: string;
  readonly schemes: readonly LineScheme[];
}

/** Makes the function that the file of a line node exports to Node-RED. */
export function defineLine({ type, schemes }: LineType): (red: Red) => void {
  return (red) => {
    red.nodes.registerType(type, function construct(this: RedNode, fields: object) {
      red.nodes.createNode(this, fields);
      try {
        urls.set(this, urlOf(new Fields(fields), schemes));
      } catch (error) {
        this.error(error instanceof Error ? error : new Error(String(error)));
      }
    });
  };
}

/** The line URL of a line node. Throws WardError `WARD_NODE_CONFIG` when it is none, or its URL cannot be used. */
export function lineUrlOf(node: unknown): string {
  const url = typeof node === "object" && node !== null ? urls.get(node) : undefined;
  if (url === undefined) {
    throw new WardError(
      "WARD_NODE_CONFIG",
      "Cannot read device: its line is missing, disabled or not usable. Open the node and choose a line.",
    );
  }
  return url;
}

const urls = new WeakMap<object, string>();

/** Whether the line may be used at all is for bedside to say, which knows the signed settings. */
function urlOf(fields: Fields, schemes: readonly LineScheme[]): string {
  const wanted = `a line URL that starts with ${schemes.join(", ")}`;
  const url = fields.text("url", /^/, wanted);
  if (!schemes.includes(parseLineUrl(url).scheme)) {
    throw bad("url", wanted);
  }
  return url;
}
