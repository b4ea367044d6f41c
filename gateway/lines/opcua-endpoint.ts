import { WardError } from "../errors.ts";
import type { EndpointDescription, UserTokenPolicy } from "./opcua-library.ts";
import { MessageSecurityMode, SecurityPolicy, UserTokenType } from "./opcua-library.ts";
import type { OpcuaUser } from "./opcua-user.ts";

/**
 * The best endpoint of those that a server offers: encrypted rather than only signed, then by policy. Endpoints without
 * security, with the deprecated policies Basic128Rsa15 and Basic256, and with a transport other than OPC-UA TCP do not count.
 * Undefined when none is left.
 */
export function bestEndpoint(
  endpoints: readonly EndpointDescription[],
): EndpointDescription | undefined {
  return endpoints
    .filter((endpoint) => Number.isFinite(rankOf(endpoint)))
    .toSorted((a, b) => rankOf(a) - rankOf(b))[0];
}

/** What a server without a good endpoint is told with. */
export function noSecurity(key: string): WardError {
  return new WardError(
    "WARD_OPCUA_NO_SECURITY",
    `Cannot open ${key}: the server offers no signed endpoint that is safe today. Switch on Basic256Sha256 with SignAndEncrypt in the server.`,
  );
}

/**
 * What the server said before there was security must be what it says now: somebody in between could have left out the better
 * endpoints. Throws WardError `WARD_OPCUA_DOWNGRADE`.
 */
export function checkDowngrade(
  used: EndpointDescription,
  secured: readonly EndpointDescription[],
  key: string,
): void {
  const best = bestEndpoint(secured);
  if (best === undefined || rankOf(best) < rankOf(used)) {
    throw new WardError(
      "WARD_OPCUA_DOWNGRADE",
      `Cannot trust ${key}: over the secured connection the server offers better security than before it. Somebody may be between: check the network.`,
    );
  }
}

/**
 * How the user is shown to the server at this endpoint. A password never leaves in a form that others could read: either the
 * connection is encrypted, or the password itself is, with a safe policy. Throws WardError `WARD_OPCUA_LOGIN`.
 */
export function tokenPolicy(
  endpoint: EndpointDescription,
  user: OpcuaUser | null,
  key: string,
): UserTokenPolicy {
  const type = user === null ? UserTokenType.Anonymous : TOKEN_TYPES[user.kind];
  const offered = (endpoint.userIdentityTokens ?? []).filter(({ tokenType }) => tokenType === type);
  const [first] = offered
    .filter((policy) => user === null || Number.isFinite(tokenRank(policy, endpoint, user)))
    .toSorted((a, b) =>
      user === null ? 0 : tokenRank(a, endpoint, user) - tokenRank(b, endpoint, user),
    );
  if (first === undefined) {
    throw new WardError(
      "WARD_OPCUA_LOGIN",
      `Cannot open ${key}: ${NO_TOKEN[user?.kind ?? "anonymous"]}`,
    );
  }
  return first;
}

/** True when whoever listens on the network can read the values. */
export function isReadable({ securityMode }: EndpointDescription): boolean {
  return securityMode !== MessageSecurityMode.SignAndEncrypt;
}

const TOKEN_TYPES = {
  password: UserTokenType.UserName,
  certificate: UserTokenType.Certificate,
} as const;
const NO_TOKEN = {
  anonymous:
    "the server wants a login. Give one with wardgate devices login, or let anonymous clients read in the server.",
  password:
    "the server offers no login by user name that protects the password. Check the login methods in the server.",
  certificate:
    "the server offers no safe login by user certificate. Check the login methods in the server.",
} as const;

/** The smaller the better; infinite when not to be used at all. */
function rankOf({
  securityMode,
  securityPolicyUri,
  transportProfileUri,
}: EndpointDescription): number {
  const mode = MODES.indexOf(securityMode);
  const policy = POLICIES.indexOf(securityPolicyUri ?? "");
  const isTcp =
    transportProfileUri === null || transportProfileUri === "" || transportProfileUri === TCP;
  return mode === -1 || policy === -1 || !isTcp ? Infinity : mode * POLICIES.length + policy;
}

function tokenRank(
  { securityPolicyUri }: UserTokenPolicy,
  { securityMode, securityPolicyUri: channelPolicy }: EndpointDescription,
  user: OpcuaUser,
): number {
  const own = securityPolicyUri === "" ? null : securityPolicyUri;
  const policy = POLICIES.indexOf(own ?? channelPolicy ?? "");
  if (policy !== -1) {
    return policy;
  }
  // Without a policy of its own a password is as safe as the connection; a signature needs a policy.
  const isHidden = securityMode === MessageSecurityMode.SignAndEncrypt;
  return user.kind === "password" && own === SecurityPolicy.None && isHidden
    ? POLICIES.length
    : Infinity;
}

const MODES: readonly MessageSecurityMode[] = [
  MessageSecurityMode.SignAndEncrypt,
  MessageSecurityMode.Sign,
];
/** The policies for RSA that OPC 10000-7 has not deprecated, best first. */
export const POLICIES: readonly string[] = [
  SecurityPolicy.Aes256_Sha256_RsaPss,
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
];
const TCP = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";
