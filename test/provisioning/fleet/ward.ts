/** A house of three gateways for tests: what YAML gives for it. */
export function inventory() {
  return {
    fleet: "hospital/gateways",
    enrolment: "https://ca.hospital.example:8443",
    rings: { canary: "0.2.0", ward: "0.1.0", house: "0.1.0" } as Record<string, string>,
    wards: [
      {
        name: "3 East",
        gateways: [
          gateway("east-a", "canary", "a"),
          { ...gateway("east-b", "ward", "b"), variables: { WARD_KEEPALIVE_S: 10 } as object },
        ],
      },
      { name: "4 West", gateways: [gateway("west-a", "house", "c")] },
    ],
  };
}

/** The UUID that ends on a letter. */
export function uuidOf(letter: string): string {
  return letter.repeat(32);
}

interface GatewayDraft {
  id: string;
  uuid: string;
  ring: string;
  site?: string;
  variables?: object;
  beds: { name: string; devices: { id: string; model: string; line: string }[] }[];
}

const BEDS: Readonly<Record<string, string>> = { a: "1", b: "2", c: "3" };

function gateway(id: string, ring: string, letter: string): GatewayDraft {
  const bed = BEDS[letter] ?? "";
  const device = {
    id: `bed-${bed}/oximeter`,
    model: "nonin-oem3-format2",
    line: `serial:/run/ward/ports/usb-${bed}.sock`,
  };
  return { id, uuid: uuidOf(letter), ring, beds: [{ name: bed, devices: [device] }] };
}
