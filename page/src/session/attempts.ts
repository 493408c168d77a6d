/**
 * Chooses the credentials for the next connection: those of a new link first, then in turn with the earlier ones, until
 * the machine has accepted one of them. A forged link costs time, but not the access that this browser had.
 */

import type { Ending } from "../transport/pairing_endings";
import type { Credentials } from "../transport/machine_identity";
import type { Machine } from "./machines";

export interface Attempt extends Credentials {
  readonly isRenewal: boolean;
}

export class Attempts {
  #renews = true;
  /** The machine is said to know this browser already: it is tried without the link's secret, which is kept. */
  #withoutSecret = false;
  readonly #refused = new Set<boolean>(); // bounded: one entry for each kind of credentials

  /** Somebody has opened a link, or wants another try. */
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

  /** One has failed; whether there is no use in another. */
  failed({ isRenewal }: Attempt, { final, linkUsed }: Ending, machine: Machine | null): boolean {
    this.#withoutSecret = linkUsed ?? false;
    if (this.#withoutSecret || machine === null || machine.renewal === null) return final;
    this.#renews = !isRenewal;
    if (final) this.#refused.add(isRenewal);
    return this.#refused.size === 2;
  }

  /** The machine has spoken: what of it has changed. */
  proven({ isRenewal }: Attempt, { credentials, renewal }: Machine): Pick<Machine, "credentials" | "renewal"> {
    this.reset();
    const { token } = isRenewal && renewal !== null ? renewal : credentials;
    return { credentials: { token, secret: null }, renewal: null };
  }

  /** The relay gives this browser a token. */
  signedIn({ isRenewal }: Attempt, token: string, { credentials, renewal }: Machine): Partial<Machine> {
    if (!isRenewal) return { credentials: { ...credentials, token } };
    return renewal === null ? {} : { renewal: { ...renewal, token } };
  }
}
