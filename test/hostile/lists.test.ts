import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { writeEnrolment } from "../../gateway/enrolment/enrolment-file.ts";
import { ListRenewal } from "../../gateway/keeper/list-renewal.ts";
import { createRoot, issueServer } from "../../provisioning/ca.ts";
import { issueLists } from "../../provisioning/lists.ts";
import { issueRevocationList } from "../../provisioning/revocation-list.ts";
import { DEEP_JSON } from "../fakes/hostile-kit.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { daysFrom } from "../provisioning/pki.ts";

/** Whoever has a server's key, perhaps one that is revoked by now, stands where the enrolment server should be. */

let site: EstSite;
before(async () => {
  site = await EstSite.open();
});
after(() => site.close());

test("a false enrolment server cannot set the list of revoked servers back, or put a false one in its place", async () => {
  const { authority, directory } = site;
  const root = authority.roots.servers;
  const listOf = async (from: number, to: number): Promise<string> => {
    const now = new Date();
    const times = { thisUpdate: daysFrom(now, from), nextUpdate: daysFrom(now, to) };
    const list = await issueRevocationList(authority.servers, { revoked: [], number: 1, ...times });
    return list + authority.rootList("servers");
  };
  const twin = await createRoot("servers", "Test");
  const times = { thisUpdate: new Date(), nextUpdate: daysFrom(new Date(), 9) };
  const evil = {
    "an older one that still counts": await listOf(-20, 300),
    "one that has ended": await listOf(-20, -1),
    "one by a root of the same name": await issueRevocationList(twin, {
      revoked: [],
      number: 9,
      ...times,
    }),
    "the root's alone": authority.rootList("servers"),
    "none at all": DEEP_JSON.slice(0, 60_000),
    "too much": "x".repeat(100_000),
  };
  let served = "";
  const { certificate: cert, key } = await issueServer(authority.servers, ["localhost"]);
  const server = createServer({ cert, key }, (request, response) => {
    if (served === "101") {
      request.socket.end("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
    } else {
      response.end(served);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const identity = join(directory, "identity");
  mkdirSync(identity);
  writeEnrolment(identity, { url: `https://localhost:${port}`, ca: root });
  const file = join(identity, "servers.crl.pem");
  // Past its half: it is time for the next one.
  const mine = await listOf(-9, 8);
  const look = async (serves: string): Promise<string> => {
    served = serves;
    writeFileSync(file, mine);
    const troubles: string[] = [];
    const loaded = { serversCrlPem: mine, serversRootPem: root };
    const trouble = ({ code }: { readonly code: string }): void => void troubles.push(code);
    await new ListRenewal({ dataDirectory: directory, identity: { loaded }, trouble }).look(
      Date.now(),
    );
    return troubles.join();
  };
  for (const [what, list] of Object.entries(evil)) {
    assert.match(await look(list), /^WARD_(CRL|EST_UNREACHABLE)$/, what);
    assert.equal(readFileSync(file, "utf8"), mine, what);
  }
  const isTold = await look("101");
  assert.equal(isTold, "WARD_EST_UNREACHABLE", "an answer that is none is not waited for");
  const fresh = (await issueLists(authority)).servers;
  assert.equal(await look(fresh), "");
  assert.equal(readFileSync(file, "utf8"), fresh);
  server.closeAllConnections();
  server.close();
  rmSync(identity, { recursive: true });
});
