import type { Socket } from "node:net";

/** How many connections there may be at a time. */
export interface GuestLimits {
  readonly connections: number;
  readonly perAddress: number;
}

/**
 * The connections of a server. Where there are too many the oldest stranger's is closed, never that of somebody who has shown
 * who it is: so idle or endless connections lock nobody out.
 */
export class Guests {
  readonly #limits: GuestLimits;
  /** In order of arrival. */
  readonly #guests = new Map<string, Guest>();

  constructor(limits: GuestLimits) {
    this.#limits = limits;
  }

  /** Takes a connection that was just accepted, or closes it when nobody is there who may be sent away. */
  admit(socket: Socket): void {
    const place = placeOf(socket);
    if (place === null) {
      socket.destroy();
      return;
    }
    const near = [...this.#guests.values()].filter(({ network }) => network === place.network);
    const crowd =
      near.length >= this.#limits.perAddress
        ? near
        : this.#guests.size >= this.#limits.connections
          ? [...this.#guests.values()]
          : null;
    const leaving = crowd?.find(({ known }) => !known);
    if (crowd !== null && leaving === undefined) {
      socket.destroy();
      return;
    }
    if (leaving !== undefined) {
      this.#guests.delete(leaving.name);
      leaving.socket.destroy();
    }
    const guest = { ...place, socket, known: false };
    this.#guests.set(place.name, guest);
    socket.on("close", () => {
      if (this.#guests.get(place.name) === guest) {
        this.#guests.delete(place.name);
      }
    });
  }

  /** Somebody who is known speaks on this connection. `socket` may be the TLS side of it. */
  welcome(socket: Socket): void {
    const guest = this.#guests.get(placeOf(socket)?.name ?? "");
    if (guest !== undefined) {
      guest.known = true;
    }
  }
}

interface Place {
  /** The other side's address and port. */
  readonly name: string;
  /** The address, or for IPv6 the /64 of it, of which one machine has all. */
  readonly network: string;
}

interface Guest extends Place {
  readonly socket: Socket;
  known: boolean;
}

function placeOf({ remoteAddress, remotePort }: Socket): Place | null {
  if (remoteAddress === undefined || remotePort === undefined) {
    return null;
  }
  return { name: `${remoteAddress} ${remotePort}`, network: networkOf(remoteAddress) };
}

function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) {
    return address;
  }
  const [front = "", back = ""] = address.split("::", 2);
  const given = front.split(":").filter((part) => part !== "");
  const rest = back.split(":").filter((part) => part !== "");
  const gap = Array.from({ length: Math.max(0, 8 - given.length - rest.length) }, () => "0");
  return [...given, ...gap, ...rest].slice(0, 4).join(":");
}
