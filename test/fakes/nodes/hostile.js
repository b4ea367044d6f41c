// A node of a hostile flow author: tries everything that would leave the flow host, and shows what came of it as its status.
import child_process from "node:child_process";
import cluster from "node:cluster";
import crypto from "node:crypto";
import dgram from "node:dgram";
import dns from "node:dns/promises";
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import inspector from "node:inspector";
import net from "node:net";
import os from "node:os";
import tls from "node:tls";
import v8 from "node:v8";
import { Worker } from "node:worker_threads";

/** What to attempt; each must fail. `target` says where keys lie, what to overwrite and where somebody listens. */
function attempts(target) {
  const settled = (emitter, good) =>
    new Promise((resolve, reject) => {
      emitter.on("error", reject);
      emitter.on(good, resolve);
    });
  return {
    "write a file": () => fs.writeFileSync(target.newFile, "x"),
    "write into the program": () => fs.writeFileSync(target.program, "x"),
    "append by promise": () => fs.promises.appendFile(target.newFile, "x"),
    "make a directory": () => fs.mkdirSync(`${target.newFile}.d`),
    "link a key": () => fs.linkSync(target.key, target.newFile),
    "symlink a key": () => fs.symlinkSync(target.key, target.newFile),
    "remove a key": () => fs.rmSync(target.key),
    "read a key": () => fs.readFileSync(target.key),
    "stream a key": () => settled(fs.createReadStream(target.key), "data"),
    "open a key as a blob": async () => (await fs.openAsBlob(target.key)).text(),
    "read a key by require": () =>
      process.getBuiltinModule("module").createRequire("/")(target.key),
    "import a key": () => import(target.key),
    "load a key as environment": () => process.loadEnvFile(target.key),
    "list the directory of keys": () => fs.readdirSync(target.directory),
    "watch the directory of keys": () => fs.watch(target.directory),
    "read the environment of main": () => fs.readFileSync(`/proc/${process.ppid}/environ`),
    "read its own memory": () => fs.openSync("/proc/self/mem", "r"),
    "open a serial port": () => fs.openSync("/dev/ttyS0", "r+"),
    "open a database": () =>
      new (process.getBuiltinModule("node:sqlite").DatabaseSync)(target.newFile),
    "write by a V8 flag": () =>
      v8.setFlagsFromString(`--redirect-code-traces-to=${target.newFile}`),
    "change a V8 flag": () =>
      process.getBuiltinModule("node:v8").setFlagsFromString("--no-wasm-bounds-checks"),
    "connect by TCP": () => settled(net.connect(target.port, "127.0.0.1"), "connect"),
    "connect by TLS": () => settled(tls.connect(target.port, "127.0.0.1"), "secureConnect"),
    "connect to a UNIX socket": () => settled(net.connect({ path: target.socket }), "connect"),
    "connect to an abstract socket": () =>
      settled(net.connect({ path: `\0${target.abstract}` }), "connect"),
    "ask by HTTP": () => settled(http.get(`http://127.0.0.1:${target.port}/`), "response"),
    "ask by HTTP/2": () => settled(http2.connect(`http://127.0.0.1:${target.port}`), "connect"),
    "ask by fetch": () => fetch(`http://127.0.0.1:${target.port}/`),
    "ask by WebSocket": () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${target.port}/`);
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error("refused"));
      }),
    "ask the name service": () => dns.lookup("localhost"),
    "resolve a name": () => dns.resolve4("wardgate.example"),
    "send a datagram": () =>
      new Promise((resolve, reject) => {
        const socket = dgram.createSocket("udp4");
        socket.on("error", reject);
        socket.send("x", target.port, "127.0.0.1", (error) => (error ? reject(error) : resolve()));
      }),
    "listen by TCP": () => settled(net.createServer().listen(0), "listening"),
    "listen on a UNIX socket": () =>
      settled(net.createServer().listen(target.newFile), "listening"),
    "listen on an abstract socket": () =>
      settled(net.createServer().listen(`\0${target.abstract}-2`), "listening"),
    "listen by UDP": () => settled(dgram.createSocket("udp4").bind(0), "listening"),
    "start a process": () => settled(child_process.spawn("/bin/true"), "spawn"),
    "start a shell": () => child_process.execSync("true"),
    "fork itself": () => settled(child_process.fork(target.program), "spawn"),
    "fork by cluster": () => cluster.fork(),
    "become another program": () => process.execve("/bin/true", ["true"], {}),
    "start a thread": () => new Worker("0", { eval: true }),
    "open the inspector": () => inspector.open(0),
    "inspect itself": () => new inspector.Session().connect(),
    "use an internal binding": () => process.binding("fs"),
    "use a linked binding": () => process._linkedBinding("fs"),
    "load native code": () => process.dlopen({ exports: {} }, target.addon),
    "load an OpenSSL engine": () => crypto.setEngine(target.addon),
    "load a foreign library": () => process.getBuiltinModule("node:ffi").dlopen(target.addon, {}),
    "run WebAssembly with files": () =>
      new (process.getBuiltinModule("node:wasi").WASI)({
        version: "preview1",
        preopens: { "/": "/" },
      }),
    "write a heap snapshot": () => v8.writeHeapSnapshot(target.newFile),
    "write a report": () => process.report.writeReport(target.newFile),
    "wake the debugger of main": () => process._debugProcess(process.ppid),
    "send main a signal": () => process.kill(process.ppid, 0),
    "send main a raw signal": () => process._kill(process.ppid, 0),
    "slow down main": () => os.setPriority(process.ppid, 19),
    "speak to main": () => process.send({ t: "fatal", code: "HOSTILE", message: "" }),
    "speak to main below": () => {
      if (!process._send({ t: "fatal", code: "HOSTILE", message: "" })) {
        throw new Error("nothing was sent");
      }
    },
    "read a secret of the environment": () => {
      if (process.env.SECRET === undefined) {
        throw new Error("there is none");
      }
    },
    "overhear main": () =>
      new Promise((resolve, reject) => {
        process.on("message", resolve);
        process.on("internalMessage", resolve);
        setTimeout(() => reject(new Error("heard nothing")), 1500);
      }),
    "find a secret in the settings": () => {
      const { credentialSecret, ward } = target.settings;
      if (
        !credentialSecret &&
        Object.values(ward).every((act) => typeof act !== "object" || Array.isArray(act))
      ) {
        throw new Error("there is none");
      }
    },
  };
}

async function outcomeOf(attempt) {
  try {
    await attempt();
    return "DONE";
  } catch (error) {
    return `refused: ${error?.code ?? error?.message}`;
  }
}

export default function hostile(RED) {
  RED.nodes.registerType("hostile", function construct(fields) {
    RED.nodes.createNode(this, fields);
    const target = { ...JSON.parse(fields.target), settings: RED.settings };
    const acts = Object.entries(attempts(target));
    // One at a time, in a node status each: that is all a flow can show to the outside.
    void Promise.all(
      acts.map(async ([name, attempt]) => {
        const outcome = await outcomeOf(attempt);
        RED.events.emit("node-status", {
          id: this.id,
          status: { fill: "grey", shape: "dot", text: `${name}: ${outcome}` },
        });
        results.push(`${name}: ${outcome}`);
      }),
    ).then(() => RED.httpAdmin.get("/hostile", (_, response) => response.json(results)));
  });
  const results = [];
}
