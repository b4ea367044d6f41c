import { readFileSync } from "node:fs";
import { join } from "node:path";

import { PROJECT } from "../../tidy/tree.ts";

interface Service {
  readonly [field: string]: unknown;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

interface Allowed {
  readonly root?: true;
  readonly privileged?: true;
  readonly label?: string;
  readonly capability?: string;
  /** In the network of the box itself, where everything that listens would be reached. */
  readonly hostNetwork?: true;
  readonly volumes: readonly string[];
  /** Volumes that it may only read. */
  readonly readOnly?: readonly string[];
}

/** What each service may have beyond nothing. */
const ALLOWED: Readonly<Record<string, Allowed>> = {
  gateway: { volumes: ["data", "ports", "agent", "guard"], readOnly: ["guard"] },
  ports: { root: true, privileged: true, volumes: ["ports"] },
  agent: { root: true, label: "io.balena.features.supervisor-api", volumes: ["agent"] },
  guard: { root: true, capability: "NET_ADMIN", hostNetwork: true, volumes: ["guard"] },
};

/** Fields that balena's parser takes and its supervisor drops, or that open what is closed. */
const DROPPED = ["device_cgroup_rules", "env_file", "cpus", "logging", "container_name", "init"];
const OPENING = ["pid", "ipc", "devices", "userns_mode", "sysctls"];

/** Everything in a compose file that gives a service more than it needs, one sentence each. */
export function composeProblems(file: unknown): string[] {
  const { services } = file as { services: Readonly<Record<string, Service>> };
  return Object.entries(services).flatMap(([name, service]) =>
    problemsOf(name, service).map((problem) => `${name}: ${problem}`),
  );
}

function problemsOf(name: string, service: Service): string[] {
  const allowed = ALLOWED[name];
  if (allowed === undefined) {
    return ["no rule says what it may have"];
  }
  const found: string[] = [];
  const demand = (right: boolean, problem: string): void => void (right || found.push(problem));
  for (const field of DROPPED.filter((one) => one in service)) {
    found.push(`${field} is dropped without a word`);
  }
  for (const field of OPENING.filter((one) => one in service)) {
    found.push(`must not have ${field}`);
  }
  const isPrivileged = service.privileged === true;
  demand(!isPrivileged || allowed.privileged === true, "must not be privileged");
  demand(!isPrivileged || service.network_mode === "none", "a privileged service has no network");
  for (const capability of service.cap_add ?? []) {
    demand(capability === allowed.capability, `must not have the capability ${capability}`);
  }
  const isInHost = service.network_mode === "host";
  demand(!isInHost || allowed.hostNetwork === true, "must not be in the network of the host");
  demand(service["read_only"] === true, "its root must be read only");
  demand(isPrivileged || service.cap_drop?.join() === "ALL", "must drop all capabilities");
  demand(
    isPrivileged || service.security_opt?.includes("no-new-privileges:true") === true,
    "must not gain privileges",
  );
  demand(/^[1-9]/.test(service.user ?? "") || allowed.root === true, "must not be root");
  demand(!("ports" in service), "must open no port");
  demand("mem_limit" in service && "pids_limit" in service, "must have limits");
  for (const volume of service.volumes ?? []) {
    const [source = "", , mode] = volume.split(":");
    const mayWrite = allowed.readOnly?.includes(source) !== true;
    demand(mayWrite || mode === "ro", `must only read the volume ${source}`);
    demand(/^[a-z]+$/.test(source), `${volume} is no named volume`);
    demand(allowed.volumes.includes(source), `must not see the volume ${source}`);
  }
  for (const label of Object.keys(service.labels ?? {})) {
    const isFeature = label.startsWith("io.balena.features.");
    demand(!isFeature || label === allowed.label, `must not have the label ${label}`);
  }
  demand(
    service.labels?.["io.balena.update.strategy"] === "download-then-kill",
    "must be updated by download-then-kill",
  );
  const [verb = ""] = service.command ?? [];
  demand(verbs().includes(verb), `there is no verb "${verb}"`);
  return found;
}

function verbs(): string[] {
  const main = readFileSync(join(PROJECT, "gateway/main.ts"), "utf8");
  return [...main.matchAll(/import\("\.\/commands\/([a-z-]+)\.ts"\)/g)].map(
    (found) => found[1] ?? "",
  );
}
