import { SETTINGS, variableOf } from "../../../gateway/settings.ts";

/** Device types of balenaOS that are known to be of 64 bits and to fit a gateway. */
const DEVICE_TYPES = new Set([
  "raspberrypi3-64",
  "raspberrypi4-64",
  "raspberrypi5",
  "raspberrypicm4-ioboard",
  "revpi-connect-s",
  "revpi-connect-4",
  "generic-amd64",
  "generic-aarch64",
]);
const FIELDS = new Set(["name", "type", "version", "description", "assets", "data"]);
const DATA_FIELDS = new Set([
  "applicationEnvironmentVariables",
  "applicationConfigVariables",
  "defaultDeviceType",
  "supportedDeviceTypes",
]);

interface App {
  readonly [field: string]: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What is wrong with a balena.yml, after the documentation: there is no schema of it. */
export function appProblems(file: unknown, version: string): string[] {
  const app = file as App;
  const data = app.data ?? {};
  const found: string[] = [];
  const demand = (right: boolean, problem: string): void => void (right || found.push(problem));
  Object.keys(app).forEach((name) => demand(FIELDS.has(name), `${name} is no field`));
  Object.keys(data).forEach((name) => demand(DATA_FIELDS.has(name), `data.${name} is no field`));
  demand(app["type"] === "sw.application", "type is not sw.application");
  demand(app["version"] === version, `version is not that of package.json, ${version}`);
  demand(
    typeof app["name"] === "string" && typeof app["description"] === "string",
    "no name or description",
  );
  const { repository } = (app["assets"] ?? {}) as {
    repository?: { type: string; data: { url: string } };
  };
  demand(
    repository?.type === "blob.asset" && URL.canParse(repository.data.url),
    "no assets.repository",
  );
  const types = (data["supportedDeviceTypes"] ?? []) as readonly string[];
  types.forEach((type) => demand(DEVICE_TYPES.has(type), `${type} is no known device type`));
  const main = String(data["defaultDeviceType"]);
  demand(types.includes(main), `the default ${main} is not supported`);
  const settings = new Set(Object.keys(SETTINGS).map(variableOf));
  namesOf(data["applicationEnvironmentVariables"]).forEach((name) =>
    demand(settings.has(name), `${name} is no setting`),
  );
  namesOf(data["applicationConfigVariables"]).forEach((name) =>
    demand(/^BALENA_[A-Z_]+$/.test(name), `${name} is no configuration of balena`),
  );
  return found;
}

/** A list of objects with one key each. */
function namesOf(list: unknown): string[] {
  return ((list ?? []) as readonly object[]).flatMap((one) => Object.keys(one));
}
