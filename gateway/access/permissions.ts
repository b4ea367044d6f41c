/** Who a person is to the hospital. */
export const ROLES = ["nurse", "doctor", "biomedical", "it", "auditor"] as const;
export type Role = (typeof ROLES)[number];

/**
 * What can be permitted. `values`: numbers of the own wards on the ward board; `all-wards`: of every ward; `waves`: waveforms;
 * `break-glass`: another ward for a while, with a reason; `devices`: lines and devices without their values; `flow`: the editor;
 * `deploy`: change flows where the signed settings let anybody; `link`: outbox, uplink and certificates; `security`: notices and
 * journal; `accounts`: who may log in.
 */
export const PERMISSIONS = [
  "values",
  "all-wards",
  "waves",
  "break-glass",
  "devices",
  "flow",
  "deploy",
  "link",
  "security",
  "accounts",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What each role may do; what is not here is not permitted. */
const MAY: Readonly<Record<Role, readonly Permission[]>> = {
  nurse: ["values", "break-glass"],
  doctor: ["values", "waves", "break-glass"],
  // Whoever wires a device has to see what it says, wherever it stands.
  biomedical: ["values", "all-wards", "waves", "devices", "flow", "deploy", "link"],
  it: ["devices", "link", "security", "accounts"],
  auditor: ["security"],
};

/** All that somebody of these roles may do, in the order of PERMISSIONS. */
export function permissionsOf(roles: readonly Role[]): Permission[] {
  return PERMISSIONS.filter((permission) => roles.some((role) => MAY[role].includes(permission)));
}

/** True for the name of a role. */
export function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}
