import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { TestContext } from "node:test";

import { RoomChild } from "../../gateway/house/room-child.ts";
import { roomProgram } from "../../gateway/house/room-programs.ts";
import type { NoticeText, RoomName } from "../../gateway/rooms.ts";
import { readSettings } from "../../gateway/settings.ts";

/**
 * Starts a room in which something calls a stranger again and again, as a package that was tricked would. Resolves with what the room says
 * of it, when it does; `place` is that of the stranger.
 */
export async function strayRoom(
  t: TestContext,
  name: RoomName,
  o: { readonly dataDirectory: string; readonly config: object },
): Promise<{ readonly notice: NoticeText; readonly place: string }> {
  const stranger = createServer((socket) => socket.destroy());
  stranger.listen(0, "127.0.0.1");
  await once(stranger, "listening");
  const { port } = stranger.address() as AddressInfo;
  const calls = `import { connect } from "node:net"; setInterval(() => connect(${port}, "127.0.0.1").on("error", () => {}), 20).unref();`;
  const program = roomProgram(name, readSettings({}, {}), o.dataDirectory);
  const preload = `--import=data:text/javascript,${encodeURIComponent(calls)}`;
  const told = Promise.withResolvers<NoticeText>();
  const room = new RoomChild(
    { ...program, nodeOptions: [...program.nodeOptions, preload] },
    60_000,
    {
      message: (message) => {
        if (message.t === "notice" && message.notice.notice === "egress-refused") {
          told.resolve(message.notice);
        }
      },
      exit: (why) => told.reject(new Error(`the ${name} ended: ${why}`)),
    },
  );
  t.after(() => {
    room.kill();
    stranger.close();
  });
  room.send({ t: "start", config: o.config });
  return { notice: await told.promise, place: `tcp://127.0.0.1:${port}` };
}
