import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";

import { errorText, WardError } from "../errors.ts";
import { refused } from "./refusal.ts";
import { type BundleSource, demandSourceName, tooLarge } from "./source.ts";

/** How a gateway shows itself to the server, and whom it believes. All PEM. */
export interface HttpsIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Revoked servers, if there is a list. */
  readonly crl?: string | undefined;
}

/**
 * Bundles on a web server: TLS 1.3 with the gateway's own certificate, no redirects. The server needs no trust for what it
 * gives, only for who may ask. Throws WardError `WARD_BUNDLE_SOURCE` for a URL that is not `https://host/...`.
 */
export function httpsSource(url: string, identity: HttpsIdentity): BundleSource {
  if (!URL.canParse(url) || new URL(url).protocol !== "https:") {
    throw refused("WARD_BUNDLE_SOURCE", `${url.slice(0, URL_SHOWN)} is no https:// address`);
  }
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  const { crl, ...own } = identity;
  const agent = new Agent({
    ...own,
    ...(crl === undefined ? {} : { crl }),
    keepAlive: true,
    maxSockets: 1,
    minVersion: "TLSv1.3",
  });
  return {
    place: base.href,
    close: () => agent.destroy(),
    read: async (name, most) => {
      demandSourceName(name);
      try {
        return await get(new URL(name, base), { agent, name, most });
      } catch (error) {
        throw error instanceof WardError
          ? error
          : refused("WARD_BUNDLE_SOURCE", `cannot get ${name}: ${errorText(error)}`, {
              cause: error,
            });
      }
    },
  };
}

const URL_SHOWN = 200;
const GONE: ReadonlySet<number> = new Set([403, 404, 410]);
const OK = 200;
/** A file that trickles in slower than this as a whole is given up. */
const GET_MS = 120_000;
const SILENT_MS = 20_000;

function get(
  url: URL,
  o: { readonly agent: Agent; readonly name: string; readonly most: number },
): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const asked = request(url, { agent: o.agent, timeout: SILENT_MS }, (answer) => {
      isAnswered = true;
      const status = answer.statusCode ?? 0;
      if (status !== OK) {
        answer.destroy();
        if (GONE.has(status)) {
          resolve(null);
        } else {
          reject(refused("WARD_BUNDLE_SOURCE", `the server answers ${status} for ${o.name}`));
        }
        return;
      }
      gathered(answer, o).then(resolve, reject);
    });
    const late = setTimeout(() => asked.destroy(new Error("it takes too long")), GET_MS);
    asked.on("timeout", () => asked.destroy(new Error("the server is silent")));
    asked.on("error", reject);
    asked.on("close", () => {
      clearTimeout(late);
      // An answer that is none, such as an upgrade, ends the connection without an error.
      if (!isAnswered) {
        reject(new Error("the server gives no answer"));
      }
    });
    asked.end();
  });
}

async function gathered(
  answer: IncomingMessage,
  o: { readonly name: string; readonly most: number },
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > o.most) {
      answer.destroy();
      throw tooLarge(o.name, o.most);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
