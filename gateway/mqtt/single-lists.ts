/**
 * The revocation lists of a PEM text, one by one: of a text with several Node.js takes the first and forgets the others. A
 * text without any is given back, so that TLS says what is wrong with it.
 */
export function singleLists(pem: string): string[] {
  return pem.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [pem];
}
