import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";

/**
 * An EST server that shares nothing with ours but the socket: authority (RSA), certificates and messages are openssl's. It
 * believes one token, and renews whoever has a certificate of its own.
 */
export class OpensslEst {
  readonly directory = mkdtempSync(join(tmpdir(), "ward-openssl-est-"));
  /** PEM: vouches for the server and for what it issues. */
  readonly ca: string;
  #server: Server | null = null;

  constructor() {
    this.#openssl(
      ..."req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /O=Else/CN=Another".split(
        " ",
      ),
    );
    this.ca = readFileSync(join(this.directory, "ca.crt"), "utf8");
    writeFileSync(
      join(this.directory, "server.ext"),
      "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n",
    );
    writeFileSync(
      join(this.directory, "client.ext"),
      "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n",
    );
    const request = "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=est";
    this.#openssl(...request.split(" "));
    this.#sign("server.csr", "server.crt", "server.ext");
  }

  /** Returns the address; `token` is what a gateway logs in with. */
  async listen(token: string): Promise<string> {
    const file = (name: string): Buffer => readFileSync(join(this.directory, name));
    const login = `Basic ${Buffer.from(token).toString("base64")}`;
    const server = createServer(
      {
        cert: file("server.crt"),
        key: file("server.key"),
        ca: this.ca,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString()));
        request.on("end", () => {
          const { url = "", headers, socket } = request;
          const isOurs = socket instanceof TLSSocket && socket.authorized;
          if (url.endsWith("/cacerts")) {
            response.end(this.#message("ca.crt"));
          } else if (url.endsWith("/simpleenroll") ? headers.authorization === login : isOurs) {
            response.end(this.#issue(body));
          } else {
            response.writeHead(401).end();
          }
        });
      },
    );
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return `https://localhost:${port}/.well-known/est/ward-label`;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    rmSync(this.directory, { recursive: true });
  }

  #issue(body: string): string {
    writeFileSync(join(this.directory, "asked.der"), Buffer.from(body, "base64"));
    this.#openssl("req", "-inform", "DER", "-in", "asked.der", "-verify", "-out", "asked.csr");
    this.#sign("asked.csr", "issued.crt", "client.ext");
    return this.#message("issued.crt");
  }

  #sign(request: string, to: string, extensions: string): void {
    const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20"];
    this.#openssl("x509", "-req", "-in", request, "-out", to, ...by, "-extfile", extensions);
  }

  #message(certificates: string): string {
    this.#openssl(
      ..."crl2pkcs7 -nocrl -outform DER -out out.p7 -certfile".split(" "),
      certificates,
    );
    return readFileSync(join(this.directory, "out.p7")).toString("base64");
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.directory, stdio: "pipe" });
  }
}
