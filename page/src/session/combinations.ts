/**
 * The person's own key combinations for one machine. They type, so they come only from the machine's agent, encrypted.
 *
 * The agent keeps them for all phones of the machine if it lists `keys`. This browser keeps a copy. A change that has not
 * reached the agent yet is newer than the agent's list.
 */

import { utf8 } from "../e2e/bytes";
import { hasHidden } from "../wire/words";
import type { Store } from "./store";
import type { Combination, OwnKeys } from "./types";

export const KEYS = "keys";

export const MOST_COMBINATIONS = 40;
const LONGEST_ID = 64;
const LONGEST_LABEL = 14;
const LONGEST_SEQUENCE = 500;
/** Bytes of a whole list as JSON: it goes in one message, and the agent keeps no more than twice that. */
const MOST_BYTES = 24 << 10;
const ID = /^[A-Za-z0-9_.:-]+$/;

/** A whole list, or null for what is none: one combination that is not right spoils it. */
export function readCombinations(found: unknown): readonly Combination[] | null {
  if (!Array.isArray(found) || found.length > MOST_COMBINATIONS) return null;
  const read = found.map(readCombination).filter((one): one is Combination => one !== null);
  const isWhole = read.length === found.length && new Set(read.map(({ id }) => id)).size === read.length;
  return isWhole && fits(read) ? read : null;
}

/** Whether these are not too many, nor too long together. */
export const fits = (list: readonly Combination[]): boolean => list.length <= MOST_COMBINATIONS && utf8(JSON.stringify(list)).length <= MOST_BYTES;

export function readCombination(found: unknown): Combination | null {
  if (typeof found !== "object" || found === null) return null;
  const { id, label, sequence } = found as Record<string, unknown>;
  if (!isText(id, LONGEST_ID) || !ID.test(id) || !isText(label, LONGEST_LABEL) || !isText(sequence, LONGEST_SEQUENCE)) return null;
  return { id, label, sequence };
}

/** One line that shows all that is in it. */
const isText = (found: unknown, longest: number): found is string =>
  typeof found === "string" && found !== "" && found.length <= longest * 2 && Array.from(found).length <= longest && !hasHidden(found);

export class Combinations {
  /** Whether the agent of this connection keeps them; null before it is known. */
  #isKept: boolean | null = null;
  #isSettled = false;
  /** What was changed here was sent on this connection. */
  #isSent = false;

  constructor(
    private readonly store: Store,
    private readonly send: (type: string, payload: unknown) => boolean,
    private readonly changed: () => void,
  ) {}

  get now(): OwnKeys {
    return { list: this.store.combinations.list, isSettled: this.#isSettled };
  }

  /** A session with the agent has begun. */
  begin(features: readonly string[]): void {
    this.#isKept = features.includes(KEYS);
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
    const { list, isUnsent } = this.store.combinations;
    if (kept !== null && same(kept, list)) this.store.combinations = { list, isUnsent: false };
    else if (list !== null && (isUnsent || kept === null)) this.#put(list);
    else this.store.combinations = { list: kept, isUnsent: false };
    this.#isSettled = true;
    this.changed();
  }

  /** The person has changed them. */
  put(list: readonly Combination[]): void {
    this.store.combinations = { list, isUnsent: true };
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
