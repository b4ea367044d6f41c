import { isConduct } from "../conduct-shape.ts";
import { limitEgress } from "../egress.ts";
import { errorCode, errorText } from "../errors.ts";
import { parseKeeperConfig } from "./messages.ts";
import { Keeper } from "./keeper.ts";
import { keeperEgress } from "./keeper-egress.ts";
import { enterRoom, type SendToMain } from "../room-process.ts";
import type { MainToRoom, RoomToMain } from "../rooms.ts";

/** The keeper's process: what main says goes to the keeper, what the keeper says goes to main. */
let keeper: Keeper | null = null;
let isStopping = false;

const send: SendToMain = enterRoom({
  message: (message, socket) => {
    if (message.t === "link" && message.peer === "flowhost" && socket !== null) {
      if (keeper === null) {
        socket.destroy();
      } else {
        keeper.link(socket);
      }
      return;
    }
    socket?.destroy();
    handle(message).catch((error: unknown) => {
      if (message.t === "start") {
        die(error);
      } else if (message.t === "ask") {
        send({ t: "answer", id: message.id, value: null });
      }
    });
  },
  oldestUnsettledMs: () => null,
  stop: async () => {
    isStopping = true;
    await keeper?.close();
  },
});

async function handle(message: MainToRoom): Promise<void> {
  if (message.t === "start") {
    await start(message.config);
  } else if (message.t === "conduct" && isConduct(message.conduct)) {
    keeper?.watch.take(message.conduct);
  } else if (message.t === "keep-checkpoint") {
    await keeper?.keepCheckpoint(message.n, message.text, message.isUrgent);
  } else if (message.t === "ask") {
    send({ t: "answer", id: message.id, value: (await keeper?.ask(message.what)) ?? null });
  }
}

async function start(config: unknown): Promise<void> {
  const parsed = parseKeeperConfig(config);
  limitEgress(
    () => keeperEgress(parsed),
    (notice) => send({ t: "notice", notice }),
  );
  const opened = await Keeper.open({
    config: parsed,
    send: (message: RoomToMain) => send(message),
    fatal: die,
    now: () => Date.now(),
  });
  keeper = opened;
  if (isStopping) {
    await opened.close();
    return;
  }
  send({ t: "ready", facts: { store: opened.storeId, openMs: Math.round(opened.openMs) } });
}

function die(error: unknown): void {
  send({ t: "fatal", code: errorCode(error), message: errorText(error) });
  setImmediate(() => process.exit(1));
}
