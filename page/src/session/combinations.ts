/**
 * The person's own key combinations for one machine. They type, so they come only from the machine's agent, encrypted.
 *
 * The agent keeps them for all phones of the machine if it lists `keys`. This browser keeps a copy. A change that has not
 * reached the agent yet is newer than the agent's list.
 */

import { readCombinations } from "./combination_list";
import type { PageStorage } from "./page_storage";
import type { Combination, OwnKeys, Send } from "./types";

export const KEYS_FEATURE = "keys";

export class Combinations {
  /** Whether the agent of this connection keeps them; null before it is known. */
  #isKept: boolean | null = null;
  #isSettled = false;
  /** What was changed here was sent on this connection. */
  #isSent = false;

  constructor(
    private readonly storage: PageStorage,
    private readonly send: Send,
    private readonly changed: () => void,
  ) {}

  get now(): OwnKeys {
    return { list: this.storage.combinations.list, isSettled: this.#isSettled };
  }

  /** A session with the agent has begun. */
  begin(features: readonly string[]): void {
    this.#isKept = features.includes(KEYS_FEATURE);
    this.#isSent = false;
    this.#isSettled = !this.#isKept;
    if (this.#isKept) this.send("keys:get", {});
    else this.changed();
  }

  /** The connection is gone, or another machine is chosen. */
  end(): void {
    this.#isKept = null;
    this.#isSettled = false;
    this.changed();
  }

  /** Take the agent's list; null means that no phone has sent one yet. */
  take(found: unknown): void {
    const kept = found === null ? null : readCombinations(found);
    if (this.#isKept !== true || (kept === null && found !== null)) return;
    const { list, isUnsent } = this.storage.combinations;
    if (kept !== null && same(kept, list)) this.storage.combinations = { list, isUnsent: false };
    else if (list !== null && (isUnsent || kept === null)) this.#put(list);
    else this.storage.combinations = { list: kept, isUnsent: false };
    this.#isSettled = true;
    this.changed();
  }

  /** The person has changed them. */
  put(list: readonly Combination[]): void {
    this.storage.combinations = { list, isUnsent: true };
    if (this.#isKept && this.#isSettled) this.#put(list, true);
    this.changed();
  }

  /** Send them once for each connection, or after a change: an agent that refuses a list would refuse it again. */
  #put(list: readonly Combination[], isNew = false): void {
    if (this.#isSent && !isNew) return;
    this.#isSent = this.send("keys:set", { combinations: list });
  }
}

const same = (one: readonly Combination[], other: readonly Combination[] | null): boolean => JSON.stringify(one) === JSON.stringify(other);
