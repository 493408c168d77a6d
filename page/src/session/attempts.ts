/**
 * Chooses the credentials for each attempt to connect: those of a new link first, then the earlier ones in turn with them,
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
  /** The link's secret was reported as used, so the machine may know this browser: try without it, but keep it. */
  #withoutSecret = false;
  readonly #refused = new Set<boolean>(); // bounded: one entry for each kind of credentials

  /** The person opened a link, or wants another try. */
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

  /** An attempt failed. Returns whether another one is no use. */
  failed({ isRenewal }: Attempt, { final, linkUsed }: Ending, machine: Machine | null): boolean {
    this.#withoutSecret = linkUsed ?? false;
    if (this.#withoutSecret || machine === null || machine.renewal === null) return final;
    this.#renews = !isRenewal;
    if (final) this.#refused.add(isRenewal);
    return this.#refused.size === 2;
  }

  /** The machine has accepted these credentials. Returns the changes to store. */
  proven({ isRenewal }: Attempt, { credentials, renewal }: Machine): Pick<Machine, "credentials" | "renewal"> {
    this.reset();
    const { token } = isRenewal && renewal !== null ? renewal : credentials;
    return { credentials: { token, secret: null }, renewal: null };
  }

  /** The relay gave this browser a token. Returns the changes to store. */
  signedIn({ isRenewal }: Attempt, token: string, { credentials, renewal }: Machine): Partial<Machine> {
    if (!isRenewal) return { credentials: { ...credentials, token } };
    return renewal === null ? {} : { renewal: { ...renewal, token } };
  }
}
