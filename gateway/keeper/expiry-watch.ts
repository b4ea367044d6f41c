import { isNearEnd } from "../identity/revocation.ts";
import type { NoticeText } from "../rooms.ts";

type ExpiryNotice = Omit<NoticeText, "device">;

/** Says once a day that the certificate or a revocation list comes near its end: past it, nothing connects. */
export class ExpiryWatch {
  readonly #saidAt = new Map<string, number>();

  /** `listsEnd`: when the first list ends, if that is near. All times in epoch milliseconds. */
  look(
    certificate: { readonly from: number; readonly until: number },
    listsEnd: number | null,
    now: number,
  ): ExpiryNotice[] {
    const said: ExpiryNotice[] = [];
    if (isNearEnd(certificate, now) && this.#isDue("certificate-near-end", now)) {
      const text = `The gateway's certificate ends ${dayOf(certificate.until)}. Look at the enrolment server, or give a new claim: wardgate enroll.`;
      said.push({ notice: "certificate-near-end", text, since: null });
    }
    if (listsEnd !== null && this.#isDue("revocation-list-near-end", now)) {
      const text = `The list of revoked servers counts until ${dayOf(listsEnd)}; after that no broker is trusted. Bring a fresh one: wardgate ca crl.`;
      said.push({ notice: "revocation-list-near-end", text, since: null });
    }
    return said;
  }

  #isDue(notice: string, now: number): boolean {
    const last = this.#saidAt.get(notice);
    if (last !== undefined && Math.abs(now - last) < AGAIN_MS) {
      return false;
    }
    this.#saidAt.set(notice, now);
    return true;
  }
}

function dayOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

const AGAIN_MS = 86_400_000;
