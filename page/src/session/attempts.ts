/**
 * Chooses the credentials for each attempt to connect: those of a new link first, then alternately the earlier ones,
 * until the machine has accepted one. A forged link costs time, but never the access that this browser had.
 */

import type { Ending } from "../transport/pairing_endings";
import type { Credentials } from "../transport/machine_identity";
import type { Machine } from "./machines";

export interface Attempt extends Credentials {
  readonly isRenewal: boolean;
}

export class Attempts {
  /** The next attempt uses the credentials of the new link, if there is one. */
  #renews = true;
  /** The link's secret was reported as used, so the machine may know this browser: try without the secret, but keep it. */
  #withoutSecret = false;
  readonly #refused = new Set<boolean>(); // bounded: one entry for each kind of credentials

  /** Start over: the user opened a link, or wants another attempt. */
  reset(): void {
    this.#renews = true;
    this.#withoutSecret = false;
    this.#refused.clear();
  }

  next({ credentials, renewal }: Machine): Attempt {
    const isRenewal = this.#renews && renewal !== null;
    const { token, secret } = isRenewal ? renewal : credentials;
    return { token, secret: this.#withoutSecret ? null : secret, isRenewal };
  }

  /** Record that an attempt failed. Returns whether further attempts are useless. */
  failed({ isRenewal }: Attempt, { final, linkUsed }: Ending, machine: Machine | null): boolean {
    this.#withoutSecret = linkUsed ?? false;
    if (this.#withoutSecret || machine === null || machine.renewal === null) return final;
    this.#renews = !isRenewal;
    if (final) this.#refused.add(isRenewal);
    return this.#refused.size === 2;
  }

  /** Record that the machine has accepted these credentials. Returns the changes to store. */
  proven({ isRenewal }: Attempt, { credentials, renewal }: Machine): Pick<Machine, "credentials" | "renewal"> {
    this.reset();
    const { token } = isRenewal && renewal !== null ? renewal : credentials;
    return { credentials: { token, secret: null }, renewal: null };
  }

  /** Record the token that the relay gave this browser. Returns the changes to store. */
  signedIn({ isRenewal }: Attempt, token: string, { credentials, renewal }: Machine): Partial<Machine> {
    if (!isRenewal) return { credentials: { ...credentials, token } };
    return renewal === null ? {} : { renewal: { ...renewal, token } };
  }
}
