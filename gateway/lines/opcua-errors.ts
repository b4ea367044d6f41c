import { errorText, WardError } from "../errors.ts";

/** What failed while connecting, as a WardError in plain words. */
export function cannotOpen(key: string, error: unknown): WardError {
  if (error instanceof WardError) {
    return error;
  }
  const text = errorText(error);
  if (LOGIN.test(text)) {
    return new WardError(
      "WARD_OPCUA_LOGIN",
      `Cannot open ${key}: the server refuses the login. Check user and password, and what the user may do in the server.`,
      { cause: error },
    );
  }
  const known = REASONS.find(([pattern]) => pattern.test(text));
  const [, why, whatToDo] = known ?? [null, text.replace(/\.$/, ""), "Check the server"];
  return new WardError("WARD_LINE_OPEN", `Cannot open ${key}: ${why}. ${whatToDo}.`, {
    cause: error,
  });
}

/** True when the login was refused, or may not be used: trying again soon would lock the user out. */
export function isLoginRefusal(error: unknown): boolean {
  return error instanceof WardError && error.code.startsWith("WARD_OPCUA_LOGIN");
}

/** True when nobody answered at all. */
export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.test(errorText(error));
}

/** True when it was this gateway's certificate that the server did not like, as far as it says. */
export function isCertificateRefusal(error: unknown): boolean {
  return CERTIFICATE.test(errorText(error));
}

const LOGIN = /BadIdentityToken|BadUserAccess|BadUserSignature/;
const UNREACHABLE =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timeout|timed out/i;
const CERTIFICATE = /BadSecurityChecksFailed|BadCertificate|BadNoCertificate/;
const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [/ECONNREFUSED/, "connection refused", "Check that the server is on, and its port number"],
  [/ENOTFOUND|EAI_AGAIN/, "the host name is unknown", "Check the name or write the address"],
  [/EHOSTUNREACH|ENETUNREACH/, "the host does not answer", "Check network, cable and address"],
  [
    /BadCertificateTimeInvalid/,
    "by the server's clock this gateway's certificate is not valid",
    "Set the clocks of the server and of this gateway",
  ],
  [
    CERTIFICATE,
    "the server does not accept this gateway's certificate",
    "Trust the gateway's certificate in the server",
  ],
  [
    /BadInvalidTimestamp|BadNonceInvalid/,
    "the server's clock is too far from this gateway's",
    "Set the clocks of both",
  ],
  [/BadTooManySessions/, "the server has no session left", "End other clients of the server"],
  [
    /BadSecurityPolicyRejected|BadSecurityModeRejected|BadSecurityModeInsufficient/,
    "the server does not accept how this gateway secures the connection",
    "Check the server's security settings",
  ],
  [/Connection Break/, "the connection broke", "Check network and server"],
  [/third party|aborted/i, "the server ended the connection", "Check the server"],
  [/timeout|timed out/i, "the server does not answer", "Check network and server"],
];
