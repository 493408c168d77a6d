/** A list of key combinations: its limits, and the validation of one that comes from outside. Pure. */

import { utf8 } from "../platform/bytes";
import { hasHidden } from "../protocol/untrusted_text";
import type { Combination } from "./types";

export const MAX_COMBINATIONS = 40;
const MAX_ID = 64;
const MAX_LABEL = 14;
const MAX_SEQUENCE = 500;
/** The most bytes of a list as JSON. The list is sent in one message, and the agent stores at most twice as much. */
const MAX_BYTES = 24 << 10;
const ID = /^[A-Za-z0-9_.:-]+$/;

/** Return a valid list, or null. One invalid combination makes the whole list invalid. */
export function readCombinations(found: unknown): readonly Combination[] | null {
  if (!Array.isArray(found) || found.length > MAX_COMBINATIONS) return null;
  const read = found.map(readCombination).filter((one): one is Combination => one !== null);
  const isWhole = read.length === found.length && new Set(read.map(({ id }) => id)).size === read.length;
  return isWhole && fits(read) ? read : null;
}

/** Whether a list is within its limits. */
export const fits = (list: readonly Combination[]): boolean => list.length <= MAX_COMBINATIONS && utf8(JSON.stringify(list)).length <= MAX_BYTES;

export function readCombination(found: unknown): Combination | null {
  if (typeof found !== "object" || found === null) return null;
  const { id, label, sequence } = found as Record<string, unknown>;
  if (!isText(id, MAX_ID) || !ID.test(id) || !isText(label, MAX_LABEL) || !isText(sequence, MAX_SEQUENCE)) return null;
  return { id, label, sequence };
}

/** Whether this is text of one line without invisible characters. */
const isText = (found: unknown, longest: number): found is string =>
  typeof found === "string" && found !== "" && found.length <= longest * 2 && Array.from(found).length <= longest && !hasHidden(found);
