import { WardError } from "../errors.ts";
import type { House } from "./house.ts";

/**
 * The editor's address with a fresh one-time login; the address before it no longer works. Throws WardError
 * `WARD_EDITOR_OFF` when this gateway has no editor, or not yet.
 */
export async function editorLogin(house: Pick<House, "ask" | "facts">): Promise<string> {
  const { port } = house.facts("listener");
  const token = port === undefined ? null : await house.ask("listener", "login");
  if (port === undefined || typeof token !== "string") {
    throw new WardError(
      "WARD_EDITOR_OFF",
      "Cannot give a login: no editor is running. Where one should be, it is starting: try again in a moment.",
    );
  }
  return `https://localhost:${port}/login?token=${token}`;
}
