/**
 * What the tidy test holds the tree to. A rule names files by a prefix of their path; the first rule that fits a file
 * counts. `may` lists what such files may import: prefixes of paths, `node:` for Node.js itself.
 */
export interface ImportRule {
  readonly files: string;
  readonly may: readonly string[];
}

/** The nouns: everything may import them, and they import nothing but each other. */
const NOUNS = [
  "gateway/reading.ts",
  "gateway/access/permissions.ts",
  "gateway/access/wards.ts",
  "gateway/console/contract.ts",
  "gateway/errors.ts",
  "gateway/crc-state.ts",
  "gateway/indices.ts",
  "gateway/series-digest.ts",
  "gateway/digest.ts",
  "gateway/setting-specs.ts",
  "gateway/settings.ts",
  "gateway/columns.ts",
  "gateway/conduct.ts",
  "gateway/rooms.ts",
  "gateway/flow-services.ts",
  "gateway/devices/device.ts",
  "gateway/identity/site-files.ts",
  "gateway/journal/event.ts",
];

const ROOM_PARTS = [
  "gateway/editor-socket.ts",
  "gateway/room-frames.ts",
  "gateway/room-link.ts",
  "gateway/room-process.ts",
  "gateway/item-shape.ts",
  "gateway/conduct-shape.ts",
  "gateway/egress.ts",
];
/** The byte format and who vouches for it. */
const SEALED = ["gateway/sealing/", "gateway/identity/"];
const FACTS = ["gateway/nomenclature/", "gateway/devices/catalog.ts"];

export const IMPORT_RULES: readonly ImportRule[] = [
  { files: "test/", may: [""] },
  ...NOUNS.map((files) => ({ files, may: [...NOUNS, "node:zlib"] })),
  { files: "gateway/nomenclature/", may: [...NOUNS, "gateway/nomenclature/"] },
  // Decoding is pure: no clock, no socket, no file, no package.
  { files: "gateway/devices/catalog.ts", may: [...NOUNS, "gateway/devices/"] },
  { files: "gateway/devices/", may: [...NOUNS, "gateway/devices/", "gateway/nomenclature/"] },
  {
    files: "gateway/lines/",
    may: [
      ...NOUNS,
      "gateway/lines/",
      "gateway/devices/",
      "node:",
      "serialport",
      "modbus-serial",
      "node-opcua-",
    ],
  },
  {
    files: "gateway/port-server/",
    may: [...NOUNS, "gateway/port-server/", "gateway/lines/", "node:"],
  },
  {
    files: "gateway/balena/",
    may: [...NOUNS, "gateway/balena/", "gateway/json-value.ts", "node:"],
  },
  { files: "gateway/recording/", may: [...NOUNS, "gateway/recording/", "node:"] },
  { files: "gateway/sealing/", may: [...NOUNS, "gateway/sealing/", "node:", "cborg"] },
  {
    files: "gateway/simulate/",
    may: [
      ...NOUNS,
      "gateway/simulate/",
      "gateway/devices/",
      "gateway/lines/",
      "node:",
      "node-opcua",
    ],
  },
  {
    files: "nodes/",
    may: [
      ...NOUNS,
      "nodes/",
      "gateway/check.ts",
      "gateway/filter.ts",
      "gateway/flow-lint.ts",
      "gateway/flow-graph.ts",
      "gateway/nomenclature/",
      "gateway/lines/line-url.ts",
      "gateway/item-shape.ts",
    ],
  },
  { files: "flows/", may: [...NOUNS, "flows/"] },
  {
    files: "gateway/flowhost/",
    may: [
      ...NOUNS,
      ...ROOM_PARTS,
      ...FACTS,
      "gateway/flowhost/",
      "gateway/sealing/",
      "gateway/takes/",
      "gateway/flow-lint.ts",
      "gateway/flow-graph.ts",
      "node:",
      "node-red",
    ],
  },
  {
    files: "gateway/access/",
    may: [...NOUNS, "gateway/access/", "node:crypto"],
  },
  {
    files: "gateway/console/page/vite-config.ts",
    may: ["node:", "vite"],
  },
  {
    // Runs in browsers.
    files: "gateway/console/page/",
    may: [
      "gateway/access/permissions.ts",
      "gateway/access/wards.ts",
      "gateway/console/contract.ts",
      "gateway/console/page/",
      "preact",
    ],
  },
  {
    files: "gateway/console/",
    may: [
      ...NOUNS,
      ...ROOM_PARTS,
      "gateway/access/",
      "gateway/console/",
      "gateway/guests.ts",
      "gateway/socket-pair.ts",
      "node:",
    ],
  },
  {
    files: "hub/",
    may: [
      ...NOUNS,
      "hub/",
      "gateway/sealing/",
      "gateway/identity/identity.ts",
      "gateway/identity/revocation.ts",
      "gateway/journal/",
      "gateway/mqtt",
      "gateway/item-shape.ts",
      "gateway/data-lock.ts",
      "gateway/guests.ts",
      "node:",
      "aedes",
      "pg",
    ],
  },
  {
    files: "provisioning/",
    may: [
      ...NOUNS,
      "provisioning/",
      "gateway/sealing/",
      "gateway/identity/",
      "gateway/enrolment/",
      "gateway/data-lock.ts",
      "gateway/guests.ts",
      "gateway/bundles/",
      ...FACTS,
      "gateway/lines/line-url.ts",
      "node:",
      "balena-sdk",
      "@peculiar/x509",
      "@tufjs/models",
      "reflect-metadata",
    ],
  },
  { files: "gateway/commands/", may: [""] },
  { files: "gateway/demo/", may: [""] },
  { files: "gateway/main.ts", may: [""] },
  {
    files: "gateway/bedside/",
    may: [
      ...NOUNS,
      ...ROOM_PARTS,
      "gateway/bedside/",
      "gateway/lines/",
      "gateway/takes/",
      "gateway/devices/",
      "node:",
    ],
  },
  {
    files: "gateway/outbox/",
    may: [...NOUNS, "gateway/outbox/", "gateway/sealing/", "node:", "classic-level"],
  },
  {
    files: "gateway/mqtt/",
    may: [...NOUNS, "gateway/mqtt/", "gateway/tls-context.ts", "node:", "mqtt"],
  },
  {
    files: "gateway/uplink/",
    may: [...NOUNS, "gateway/uplink/", "gateway/mqtt/", "gateway/outbox/", ...SEALED, "node:"],
  },
  {
    files: "gateway/guard/",
    may: [
      ...NOUNS,
      "gateway/guard/",
      "gateway/identity/signed-settings.ts",
      "gateway/identity/network-rules.ts",
      "gateway/lines/line-places.ts",
      "gateway/lines/machine.ts",
      "gateway/outbox/disk-sync.ts",
      "node:",
    ],
  },
  {
    files: "gateway/journal/",
    may: [...NOUNS, "gateway/journal/", "gateway/sealing/", "gateway/outbox/disk-sync.ts", "node:"],
  },
  {
    files: "gateway/keeper/",
    may: [
      ...NOUNS,
      ...ROOM_PARTS,
      "gateway/keeper/",
      "gateway/bundles/canonical-json.ts",
      "gateway/guard/",
      "gateway/journal/",
      "gateway/bedside/clock-sync.ts",
      "gateway/outbox/",
      "gateway/uplink/",
      "gateway/mqtt/",
      "gateway/enrolment/",
      ...SEALED,
      "node:",
    ],
  },
  { files: "gateway/tpm/", may: [...NOUNS, "gateway/tpm/", "gateway/identity/der.ts", "node:"] },
  {
    files: "gateway/identity/",
    may: [
      ...NOUNS,
      ...SEALED,
      "gateway/tpm/",
      "gateway/lines/line-url.ts",
      "gateway/outbox/disk-sync.ts",
      "node:",
    ],
  },
  {
    files: "gateway/enrolment/",
    may: [
      ...NOUNS,
      ...SEALED,
      "gateway/enrolment/",
      "gateway/outbox/disk-sync.ts",
      "gateway/tls-context.ts",
      "node:",
    ],
  },
  {
    files: "gateway/bundles/",
    may: [
      ...NOUNS,
      "gateway/bundles/",
      "gateway/sealing/",
      "gateway/outbox/disk-sync.ts",
      "node:",
      "tuf-js",
      "@tufjs/models",
    ],
  },
  {
    files: "gateway/house/",
    may: [
      ...NOUNS,
      ...ROOM_PARTS,
      "gateway/house/",
      "gateway/balena/",
      "gateway/bundles/",
      "gateway/bedside/reservation.ts",
      "gateway/devices/",
      "gateway/lines/",
      "gateway/mqtt/",
      "gateway/outbox/disk-sync.ts",
      "gateway/data-lock.ts",
      "gateway/program/options.ts",
      "gateway/json-value.ts",
      "gateway/socket-pair.ts",
      ...SEALED,
      "node:",
    ],
  },
  { files: "gateway/takes/", may: [...NOUNS, "gateway/takes/"] },
  { files: "gateway/program/", may: ["gateway/program/", "node:"] },
  { files: "gateway/room-link.ts", may: [...NOUNS, "gateway/room-frames.ts", "node:"] },
  { files: "gateway/flow-lint.ts", may: [...NOUNS, "gateway/flow-graph.ts"] },
  { files: "gateway/", may: [...NOUNS, "gateway/nomenclature/", "node:"] },
];

/** One package, one importing file: to replace a package is to change one file. Several for one that has several sides. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  "@peculiar/x509": ["provisioning/ca.ts", "provisioning/revocation-list.ts"],
  // Gateways judge metadata, publishers make it.
  "@tufjs/models": ["gateway/bundles/metadata.ts", "provisioning/bundle-metadata.ts"],
  aedes: ["hub/broker.ts"],
  cborg: ["gateway/sealing/cbor.ts"],
  "classic-level": ["gateway/outbox/store.ts"],
  "balena-sdk": ["provisioning/fleet/balena-cloud.ts"],
  "modbus-serial": ["gateway/lines/modbus.ts"],
  mqtt: ["gateway/mqtt/mqtt.ts"],
  // The client reads servers on the ward; the whole, with its server, is a simulated device.
  "node-opcua": ["gateway/simulate/opcua-server.ts"],
  "node-opcua-certificate-manager": ["gateway/lines/opcua-library.ts"],
  "node-opcua-client": ["gateway/lines/opcua-library.ts"],
  "node-opcua-transport": ["gateway/lines/opcua-library.ts"],
  "reflect-metadata": ["provisioning/ca.ts", "provisioning/revocation-list.ts"],
  "node-red": ["gateway/flowhost/node-red.ts"],
  pg: ["hub/postgres.ts"],
  serialport: ["gateway/lines/serial-port.ts"],
  "tuf-js": ["gateway/bundles/update.ts"],
  yaml: ["gateway/commands/yaml-file.ts"],
};

/** What the rooms must never reach, whatever else the rules allow: entry file and what must not be in its graph. */
export const ROOM_WALLS: readonly { readonly entry: string; readonly never: readonly string[] }[] =
  [
    {
      entry: "gateway/flowhost/flowhost-room.ts",
      never: [
        "gateway/lines/serial.ts",
        "gateway/outbox/",
        "gateway/uplink/",
        "gateway/identity/",
        "gateway/mqtt/",
        "gateway/keeper/",
      ],
    },
    {
      entry: "gateway/keeper/keeper-room.ts",
      never: [
        "gateway/lines/open-line.ts",
        "gateway/lines/serial",
        "gateway/lines/modbus",
        "gateway/lines/opcua",
        "gateway/flowhost/",
        "nodes/",
      ],
    },
    {
      entry: "gateway/bedside/bedside-room.ts",
      never: [
        "gateway/sealing/",
        "gateway/outbox/",
        "gateway/identity/",
        "gateway/mqtt/",
        "gateway/flowhost/",
      ],
    },
    {
      entry: "gateway/console/listener-room.ts",
      never: [
        "gateway/sealing/",
        "gateway/outbox/",
        "gateway/identity/",
        "gateway/lines/",
        "gateway/flowhost/",
      ],
    },
  ];

export const FOLDERS_FORBIDDEN = ["utils", "util", "common", "helpers", "lib", "misc"];
export const LINES_MAX = 400;
