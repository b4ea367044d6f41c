import { WardError } from "../errors.ts";
import { textAt } from "../json-value.ts";

/** Where the supervisor of this box is and what opens it: balena gives both to services with the label `supervisor-api`. */
export interface SupervisorPlace {
  /** `http://10.114.101.1:48484` */
  readonly address: string;
  readonly key: string;
}

/** What the supervisor may be asked for, and nothing else. */
export type SupervisorWord = "update" | "reboot" | "status";

/** Reads the place from the environment. Throws WardError `WARD_SUPERVISOR` when balena gave none. */
export function supervisorPlace(
  environment: Readonly<Record<string, string | undefined>>,
): SupervisorPlace {
  const address = environment["BALENA_SUPERVISOR_ADDRESS"] ?? "";
  const key = environment["BALENA_SUPERVISOR_API_KEY"] ?? "";
  if (!/^http:\/\/[0-9a-zA-Z.:[\]-]{1,255}$/.test(address) || key === "") {
    throw new WardError(
      "WARD_SUPERVISOR",
      "Cannot ask the supervisor: balena gave no address and key. The service needs the label io.balena.features.supervisor-api.",
    );
  }
  return { address, key };
}

/**
 * Asks the supervisor. Locks count: nothing is ever forced. Throws WardError `WARD_SUPERVISOR`, or `WARD_SUPERVISOR_LOCKED` while
 * a service holds off updates.
 */
export async function askSupervisor(
  { address, key }: SupervisorPlace,
  word: SupervisorWord,
): Promise<unknown> {
  const { method, path, body } = REQUESTS[word];
  let response: Response;
  try {
    response = await fetch(new URL(path, address), {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(ASK_MS),
    });
  } catch (error) {
    // The error's own words may quote the request, and with it the key.
    throw new WardError("WARD_SUPERVISOR", `Cannot ask the supervisor for ${word}: no answer.`, {
      cause: error,
    });
  }
  const text = (await response.text()).slice(0, ANSWER_MAX);
  if (response.status === 423) {
    throw new WardError(
      "WARD_SUPERVISOR_LOCKED",
      `Cannot ${word} now: a service holds off updates. Try again later.`,
    );
  }
  if (!response.ok) {
    throw new WardError(
      "WARD_SUPERVISOR",
      `Cannot ask the supervisor for ${word}: it answers ${response.status}.`,
    );
  }
  return parsed(text);
}

/** What of the supervisor's state others may see: words on how an update goes, no ids and no keys. */
export function stateOf(answer: unknown): { readonly status: string; readonly app: string } {
  return { status: textAt(answer, "status"), app: textAt(answer, "appState") };
}

const REQUESTS = {
  update: { method: "POST", path: "/v1/update", body: { force: false } },
  reboot: { method: "POST", path: "/v1/reboot", body: { force: false } },
  status: { method: "GET", path: "/v2/state/status", body: null },
} as const;
const ASK_MS = 30_000;
const ANSWER_MAX = 64 * 1024;

function parsed(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
