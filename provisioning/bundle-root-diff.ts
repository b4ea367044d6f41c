import { ROLE_FIELD, type rootOf } from "../gateway/bundles/metadata.ts";
import { errorText } from "../gateway/errors.ts";

type RootMetadata = ReturnType<typeof rootOf>;

/**
 * What a drafted root changes, a line each, for who is asked to sign it: who signs what, how many of them it takes, until when.
 * A root that nobody has read is a root that anybody may have written.
 */
export function rootChanges(before: RootMetadata | null, after: RootMetadata): string[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  const changes = [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
  return changes.length === 0 ? ["nobody and nothing else than before"] : changes;
}

function linesOf(root: RootMetadata | null): string[] {
  if (root === null) {
    return [];
  }
  const { keys, roles, expires } = root.signed;
  return [
    ...Object.entries(roles).flatMap(([name, role]) => [
      `${name}: ${role.threshold} signatures`,
      ...role.keyIDs.map((id) => `${name}: signed by ${holderOf(keys[id])}`),
    ]),
    `until ${expires}`,
  ];
}

function holderOf(key: RootMetadata["signed"]["keys"][string] | undefined): string {
  const fields = key?.unrecognizedFields ?? {};
  const name = errorText(fields["x-wardgate-name"] ?? "nobody");
  const role = errorText(fields[ROLE_FIELD] ?? "no role");
  return `${name} (${role}), key ${errorText(key?.keyVal["public"] ?? "none")}`;
}
