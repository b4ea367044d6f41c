import type { IncomingMessage, ServerResponse } from "node:http";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import type { FlowServices } from "../flow-services.ts";
import type { FlowStorage } from "./storage.ts";

export interface RedSettingsOptions {
  readonly storage: FlowStorage;
  readonly services: FlowServices;
  /** False: the editor shows, and changes nothing. */
  readonly authoring: boolean;
  readonly gateway: string;
  /** Directory of the ward nodes. */
  readonly nodesDirectory: string;
  readonly log: (line: string) => void;
}

/** Node-RED's own nodes that may be used in a flow: none of them reaches a file, a network, a process or runs code. */
export const CORE_NODES = [
  "05-junction.js",
  "10-switch.js",
  "15-change.js",
  "16-range.js",
  "18-sort.js",
  "19-batch.js",
  "20-inject.js",
  "21-debug.js",
  "24-complete.js",
  "25-catch.js",
  "25-status.js",
  "60-link.js",
  "89-delay.js",
  "89-trigger.js",
  "90-comment.js",
  "91-global-config.js",
  "98-unknown.js",
  "rbe.js",
] as const;

/** The settings of the embedded Node-RED. Secrets never belong here: every node can read them. */
export function makeRedSettings(options: RedSettingsOptions): RedSettings {
  const title = `Wardgate ${options.gateway}`;
  return {
    // Types of the embedding call ask for them; nothing listens.
    uiPort: 0,
    uiHost: "127.0.0.1",
    httpAdminRoot: "/",
    httpNodeRoot: false,
    userDir: fileURLToPath(new URL("userdir", import.meta.url)),
    nodesDir: options.nodesDirectory,
    nodesIncludes: [...CORE_NODES, basename(options.nodesDirectory)],
    storageModule: options.storage,
    // The keeper encrypts what is stored; a key in this process would protect nothing.
    credentialSecret: false,
    ward: options.services,
    contextStorage: { default: { module: "memory" } },
    exportGlobalContextKeys: false,
    functionExternalModules: false,
    functionGlobalContext: {},
    externalModules: {
      autoInstall: false,
      palette: { allowInstall: false, allowUpdate: false, allowUpload: false },
      modules: { allowInstall: false },
    },
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false, ui: false },
    runtimeState: { enabled: false, ui: false },
    tlsConfigDisableLocalFiles: true,
    nodeMessageBufferMaxLength: 10_000,
    nodeCloseTimeout: 3000,
    debugMaxLength: 1000,
    apiMaxLength: "5mb",
    httpAdminMiddleware: guard(options.authoring),
    paletteCategories: ["ward", "common", "function", "sequence", "subflows"],
    editorTheme: {
      page: { title },
      header: { title },
      tours: false,
      userMenu: false,
      projects: { enabled: false },
      multiplayer: { enabled: false },
      menu: { "menu-item-import-library": false, "menu-item-export-library": false },
      codeEditor: { lib: "monaco", options: {} },
    },
    logging: { ward: { level: "warn", metrics: false, audit: false, handler: () => log(options) } },
  };
}

type Next = () => void;
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

/** What Node-RED takes, as far as we set it; its own type knows neither our keys nor the newer ones. */
export interface RedSettings {
  readonly uiPort: number;
  readonly uiHost: string;
  readonly httpAdminMiddleware: Middleware;
  readonly [setting: string]: unknown;
}

/** The editor needs inline script and style and nothing from elsewhere. */
const CONTENT_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "worker-src 'self' blob:",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "base-uri 'self'",
].join("; ");

/** Sets security headers; when flows are locked, nothing but a user's own view settings may be changed. */
function guard(authoring: boolean): Middleware {
  return (request, response, next) => {
    response.setHeader("Content-Security-Policy", CONTENT_POLICY);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Referrer-Policy", "no-referrer");
    const { method = "GET", url = "/" } = request;
    const reads = method === "GET" || method === "HEAD" || method === "OPTIONS";
    if (authoring || reads || url.startsWith("/settings/user")) {
      next();
      return;
    }
    response.writeHead(LOCKED, { "Content-Type": "application/json" });
    response.end(
      JSON.stringify({
        code: "WARD_FLOWS_LOCKED",
        message: "Only signed flows run on this gateway. Nothing can be changed here.",
      }),
    );
  };
}

const LOCKED = 423;

function log(options: RedSettingsOptions): (entry: unknown) => void {
  return (entry) => options.log(textOf(entry));
}

function textOf(entry: unknown): string {
  if (typeof entry !== "object" || entry === null) {
    return String(entry);
  }
  const type: unknown = Reflect.get(entry, "type");
  const message: unknown = Reflect.get(entry, "msg");
  const text = message instanceof Error ? message.message : String(message);
  return typeof type === "string" ? `${type}: ${text}` : text;
}
