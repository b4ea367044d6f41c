import { request } from "node:https";

import type { Demo } from "../../gateway/demo/demo.ts";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cookie: string;
}

/** A browser's part towards the editor, without a browser: logs in and keeps the session. */
export class EditorClient {
  readonly #origin: string;
  #cookie = "";

  private constructor(origin: string) {
    this.#origin = origin;
  }

  /** Uses up the demo's current one-time login. */
  static async login(demo: Demo): Promise<EditorClient> {
    const url = new URL(demo.editorUrl);
    const client = new EditorClient(url.origin);
    const answer = await client.ask("GET", `${url.pathname}${url.search}`);
    if (answer.status !== 200) {
      throw new Error(`login: ${answer.status}`);
    }
    client.#cookie = answer.cookie;
    return client;
  }

  ask(
    method: string,
    path: string,
    body: unknown = null,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.#origin), {
        method,
        rejectUnauthorized: false,
        agent: false,
        headers: {
          cookie: this.#cookie,
          origin: this.#origin,
          ...headers,
          ...(body === null ? {} : { "content-type": "application/json" }),
        },
      });
      asked.on("error", reject);
      asked.on("response", (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          const cookie = String(response.headers["set-cookie"] ?? "").split(";")[0] ?? "";
          resolve({ status: response.statusCode ?? 0, body: text, cookie });
        });
      });
      asked.end(body === null ? undefined : JSON.stringify(body));
    });
  }

  /** Deploys as the editor does. */
  deploy(type: "full" | "flows" | "nodes" | "reload", flows: readonly unknown[]): Promise<Answer> {
    const body = type === "reload" ? {} : { flows };
    const headers = { "node-red-deployment-type": type, "node-red-api-version": "v2" };
    return this.ask("POST", "/flow/flows", body, headers);
  }

  /** The running flow. */
  async flows(): Promise<Record<string, unknown>[]> {
    const answer = await this.ask("GET", "/flow/flows", null, { "node-red-api-version": "v2" });
    const { flows }: { flows: Record<string, unknown>[] } = JSON.parse(answer.body);
    return flows;
  }
}
