import { EstServer } from "../../provisioning/est-server.ts";
import { listed, needed, openAuthority, wholeNumber, type CaOptions } from "./ca-options.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate ca serve`: says where it listens, then runs until it is stopped. */
export async function serve(options: CaOptions, io: CommandIo): Promise<number> {
  const names = listed(needed(options.names, "--names HOST,..."));
  const host = options.host ?? "127.0.0.1";
  const port = wholeNumber(options.port, {
    option: "--port",
    otherwise: 8443,
    least: 0,
    most: 65_535,
  });
  const say = (line: Readonly<Record<string, unknown>>, text: string): void => {
    io.stdout.write(options.json ? `${JSON.stringify(line)}\n` : `${text}\n`);
  };
  const server = await EstServer.open({
    authority: await openAuthority(options, io),
    names,
    host,
    port,
    days: wholeNumber(options.days, { option: "--days", otherwise: 30, least: 1, most: 398 }),
    graceDays: wholeNumber(options["grace-days"], {
      option: "--grace-days",
      otherwise: 30,
      least: 0,
      most: 365,
    }),
    listDays: wholeNumber(options["list-days"], {
      option: "--list-days",
      otherwise: 30,
      least: 1,
      most: 398,
    }),
    onEvent: (event) =>
      say({ ...event }, `${event.event} ${event.gateway || event.address}: ${event.text}`),
  });
  say(
    { event: "ready", host, port: server.port },
    `enrolment ready: https://${host}:${server.port}`,
  );
  await stopped(io.stop);
  await server.close();
  return 0;
}

async function stopped(stop: AbortSignal): Promise<void> {
  if (!stop.aborted) {
    await new Promise<void>((resolve) => {
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
