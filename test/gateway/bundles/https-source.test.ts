import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { httpsSource, type HttpsIdentity } from "../../../gateway/bundles/https-source.ts";
import { BROKER_FILES, GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { makeSite } from "../../../provisioning/site.ts";
import { BundleGateway, BundleKit, bundleOf } from "../../fakes/bundle-kit.ts";

let kit: BundleKit;
let server: Server;
let identity: HttpsIdentity;
let url: string;
let answer: "files" | "endless" | "redirect" = "files";

before(async () => {
  kit = await BundleKit.open();
  await kit.publish(bundleOf(1));
  const directory = join(kit.directory, "site");
  const names = { gateway: "icu-1", hub: "hub-1", brokerNames: ["127.0.0.1"] };
  const site = await makeSite({ directory, ...names });
  const text = (at: string, name: string): Promise<string> => readFile(join(at, name), "utf8");
  const [broker, gateway] = [site.brokerDirectory, site.gatewayDirectory];
  server = createServer(
    {
      cert: await text(broker, BROKER_FILES.certificate),
      key: await text(broker, BROKER_FILES.key),
      ca: await text(broker, BROKER_FILES.gatewaysRoot),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
    },
    (request, response) => {
      if (answer === "redirect") {
        response.writeHead(302, { location: "https://127.0.0.1:1/" }).end();
      } else if (answer === "endless") {
        response.on("error", () => undefined);
        const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
        response.on("close", () => clearInterval(timer));
      } else {
        readFile(join(kit.repository.directory, String(request.url))).then(
          (bytes) => response.end(bytes),
          () => response.writeHead(404).end(),
        );
      }
    },
  );
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  identity = {
    ca: await text(gateway, GATEWAY_FILES.serversRoot),
    cert: await text(gateway, GATEWAY_FILES.certificate),
    key: await text(gateway, GATEWAY_FILES.key),
    crl: await text(gateway, GATEWAY_FILES.serversCrl),
  };
});

after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(kit.directory, { recursive: true, force: true });
});

test("a bundle comes over TLS with the gateway's own certificate", async (t) => {
  answer = "files";
  const source = httpsSource(url, identity);
  t.after(() => source.close());
  const gateway = new BundleGateway(join(kit.directory, "gateway"), await kit.pinned);
  assert.equal((await gateway.fetch(source)).bundle.manifest.version, 1);
  assert.equal(await source.read("metadata/9.root.json", 100), null);
});

test("a server of another root, a redirect and an answer without end are refused", async (t) => {
  const stranger = httpsSource(url, { ...identity, ca: identity.cert, crl: undefined });
  const source = httpsSource(url, identity);
  t.after(() => {
    stranger.close();
    source.close();
  });
  answer = "files";
  await assert.rejects(stranger.read("metadata/timestamp.json", 100), {
    code: "WARD_BUNDLE_SOURCE",
  });
  answer = "redirect";
  await assert.rejects(source.read("metadata/timestamp.json", 100), {
    code: "WARD_BUNDLE_SOURCE",
    message: /the server answers 302/,
  });
  answer = "endless";
  await assert.rejects(source.read("metadata/timestamp.json", 1_000_000), {
    code: "WARD_BUNDLE_TAMPERED",
    message: /larger than 1000000 bytes/,
  });
  assert.throws(() => httpsSource("http://127.0.0.1/", identity), { code: "WARD_BUNDLE_SOURCE" });
});
