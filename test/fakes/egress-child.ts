import { createSocket } from "node:dgram";
import { once } from "node:events";
import { get } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { limitEgress } from "../../gateway/egress.ts";
import { errorCode } from "../../gateway/errors.ts";

/**
 * A process that may call one port of this machine, one path and one place of datagrams, and tries others in every way that the packages
 * of the house do. Prints what came of each.
 */
const [port = 0, otherPort = 0] = process.argv.slice(2, 4).map(Number);
const [path = "", otherPath = ""] = process.argv.slice(4);
const refused: string[] = [];
const places = /call (\S+), which/;
const rules = {
  tcp: [{ host: "127.0.0.1", port }],
  udp: [{ host: "127.0.0.1", port }],
  paths: [path],
};
limitEgress(
  () => rules,
  ({ text }) => void refused.push(places.exec(text)?.[1] ?? text),
);

type Emitter = ReturnType<typeof connect>;

async function outcome(open: () => Emitter | ReturnType<typeof get>): Promise<string> {
  try {
    const opened = open();
    await Promise.race([
      once(opened, "connect"),
      once(opened, "end"),
      once(opened, "socket").then(async ([socket]) => await once(socket, "connect")),
    ]);
    opened.destroy();
    return "reached";
  } catch (error) {
    return errorCode(error);
  }
}

function sent(to: number, host: string): Promise<string> {
  const socket = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<string>();
  try {
    socket.send("x", to, host, (error) => {
      resolve(error === null ? "reached" : errorCode(error));
      socket.close();
    });
  } catch (error) {
    socket.close();
    resolve(errorCode(error));
  }
  return promise;
}

const found = {
  allowed: await outcome(() => connect({ host: "127.0.0.1", port })),
  allowedPath: await outcome(() => connect(path)),
  allowedDatagram: await sent(port, "127.0.0.1"),
  port: await outcome(() => connect(otherPort, "127.0.0.1")),
  name: await outcome(() => connect({ host: "localhost", port })),
  options: await outcome(() => connect({ host: "127.0.0.1", port: otherPort })),
  noHost: await outcome(() => connect(otherPort)),
  tls: await outcome(() => connectTls({ host: "127.0.0.1", port: otherPort })),
  https: await outcome(() => get(`https://127.0.0.1:${otherPort}/`)),
  fetch: await fetch(`http://127.0.0.1:${otherPort}/`).then(
    () => "reached",
    (error: unknown) => errorCode(Reflect.get(Object(error), "cause")),
  ),
  path: await outcome(() => connect(otherPath)),
  datagram: await sent(otherPort, "127.0.0.1"),
};
process.stdout.write(JSON.stringify({ found, refused }));
process.exit(0);
