import type { Socket } from "node:net";

/** Hears whole lines of a socket; one that goes on for longer than `most` characters ends it. */
export function hearLines(socket: Socket, most: number, heard: (line: string) => void): void {
  let pieces: string[] = [];
  let length = 0;
  socket.setEncoding("utf8").on("data", (chunk) => {
    const parts = String(chunk).split("\n");
    for (const [place, part] of parts.entries()) {
      if (place > 0) {
        const line = pieces.join("");
        [pieces, length] = [[], 0];
        heard(line);
      }
      pieces.push(part);
      length += part.length;
    }
    if (length > most) {
      socket.destroy();
    }
  });
}
