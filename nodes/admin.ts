import { errorCode, errorText } from "../gateway/errors.ts";
import type { AdminResponse, Red } from "./node-red.ts";
import { servicesOf } from "./services.ts";

/** What a user needs to be allowed to fill in the forms. */
export const FORM_PERMISSION = "ward.read";

/**
 * Offers the forms what there is to choose from: `GET ward/models` (the models a source can read) and `GET ward/lines` (the
 * line URLs that the signed settings allow). Each node file asks for it; only the first one of a Node-RED registers.
 */
export function offerChoices(red: Red): void {
  if (offered.has(red.httpAdmin)) {
    return;
  }
  offered.add(red.httpAdmin);
  const allowed = red.auth.needsPermission(FORM_PERMISSION);
  red.httpAdmin.get("/ward/models", allowed, (_request, response) => {
    answer(response, () => servicesOf(red.settings.ward).models());
  });
  red.httpAdmin.get("/ward/lines", allowed, (_request, response) => {
    answer(response, () => servicesOf(red.settings.ward).allowedLines());
  });
}

const offered = new WeakSet<object>();

function answer(response: AdminResponse, content: () => unknown): void {
  try {
    response.json(content());
  } catch (error) {
    response.status(503).json({ code: errorCode(error), message: errorText(error) });
  }
}
