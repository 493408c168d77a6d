/**
 * The user's own key combinations for one machine. They type text, so they come only from the machine's agent, encrypted.
 *
 * An agent with the feature `keys` stores them for all phones of the machine. This browser stores a copy. A change that
 * has not reached the agent yet is newer than the agent's list.
 */

import { readCombinations } from "./combination_list";
import type { PageStorage } from "./page_storage";
import type { Combination, OwnKeys, Send } from "./types";

export const KEYS_FEATURE = "keys";

export class Combinations {
  /** Whether this connection's agent stores key combinations; null before that is known. */
  #isStoredByAgent: boolean | null = null;
  #isSettled = false;
  /** The local change was sent on this connection. */
  #isSent = false;

  constructor(
    private readonly storage: PageStorage,
    private readonly send: Send,
    private readonly changed: () => void,
  ) {}

  get now(): OwnKeys {
    return { list: this.storage.combinations.list, isSettled: this.#isSettled };
  }

  /** Begin: a session with the agent was established. */
  begin(features: readonly string[]): void {
    this.#isStoredByAgent = features.includes(KEYS_FEATURE);
    this.#isSent = false;
    this.#isSettled = !this.#isStoredByAgent;
    if (this.#isStoredByAgent) this.send("keys:get", {});
    else this.changed();
  }

  /** Start over, since another machine is used from now on. */
  end(): void {
    this.#isStoredByAgent = null;
    this.#isSettled = false;
    this.changed();
  }

  /** Apply the agent's list; null means that no phone has sent a list yet. */
  take(found: unknown): void {
    const kept = found === null ? null : readCombinations(found);
    if (this.#isStoredByAgent !== true || (kept === null && found !== null)) return;
    const { list, isUnsent } = this.storage.combinations;
    if (kept !== null && same(kept, list)) this.storage.combinations = { list, isUnsent: false };
    else if (list !== null && (isUnsent || kept === null)) this.#put(list);
    else this.storage.combinations = { list: kept, isUnsent: false };
    this.#isSettled = true;
    this.changed();
  }

  /** Replace the combinations by the user's new list. */
  put(list: readonly Combination[]): void {
    this.storage.combinations = { list, isUnsent: true };
    if (this.#isStoredByAgent && this.#isSettled) this.#put(list, true);
    this.changed();
  }

  /** Send the list once on each connection, and after a change: an agent that refuses a list would refuse it again. */
  #put(list: readonly Combination[], isNew = false): void {
    if (this.#isSent && !isNew) return;
    this.#isSent = this.send("keys:set", { combinations: list });
  }
}

const same = (one: readonly Combination[], other: readonly Combination[] | null): boolean => JSON.stringify(one) === JSON.stringify(other);
