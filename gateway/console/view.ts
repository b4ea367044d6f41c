import type { Permission } from "../access/permissions.ts";
import { bedOf, type WardBeds } from "../access/wards.ts";
import type { BoardEvent, FactsEvent, WavesEvent } from "./contract.ts";

/** What somebody may see: pure, and the only place where it is decided. */
export interface Sight {
  readonly may: ReadonlySet<Permission>;
  /** Beds of the wards whose values may be seen; null: of all. */
  readonly beds: ReadonlySet<string> | null;
}

/** The sight of who has these permissions, wards of their own, and one that was opened in an emergency. */
export function sightOf(
  may: ReadonlySet<Permission>,
  own: readonly string[],
  wards: readonly WardBeds[],
): Sight {
  if (!may.has("values")) {
    return { may, beds: new Set() };
  }
  if (may.has("all-wards")) {
    return { may, beds: null };
  }
  const beds = wards.filter(({ ward }) => own.includes(ward)).flatMap((ward) => ward.beds);
  return { may, beds: new Set(beds) };
}

/** The wards of the signed settings; where those name none, all beds are one. */
export function wardsOf(
  signed: readonly WardBeds[],
  devices: readonly { readonly device: string }[],
): readonly WardBeds[] {
  const beds = [...new Set(devices.map(({ device }) => bedOf(device)))];
  return signed.length > 0 ? signed : [{ ward: "ward", beds }];
}

export function seesDevice({ beds }: Sight, device: string): boolean {
  return beds === null || beds.has(bedOf(device));
}

/** The part of the board that may be seen. */
export function boardFor(sight: Sight, event: BoardEvent): BoardEvent {
  const sees = ({ device }: { readonly device: string }): boolean => seesDevice(sight, device);
  return { ...event, readings: event.readings.filter(sees), trends: event.trends.filter(sees) };
}

/** The waveforms that may be seen. */
export function wavesFor(sight: Sight, { waves }: WavesEvent): WavesEvent {
  return {
    waves: sight.may.has("waves") ? waves.filter(({ device }) => seesDevice(sight, device)) : [],
  };
}

/** The facts that may be known. */
export function factsFor(sight: Sight, facts: FactsEvent): FactsEvent {
  const { may } = sight;
  const { at, gateway, health, clock, flowsUp, devices, link, rooms, notices } = facts;
  return {
    at,
    gateway,
    health,
    clock,
    flowsUp,
    devices: may.has("devices")
      ? devices
      : devices.filter(({ device }) => seesDevice(sight, device)),
    ...(may.has("link") && link !== undefined ? { link } : {}),
    ...((may.has("link") || may.has("security")) && rooms !== undefined ? { rooms } : {}),
    ...((may.has("devices") || may.has("security")) && notices !== undefined ? { notices } : {}),
  };
}
