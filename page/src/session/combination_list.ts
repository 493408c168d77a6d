/** A list of key combinations: its limits, and how one that comes from elsewhere is read. Pure. */

import { utf8 } from "../platform/bytes";
import { hasHidden } from "../protocol/untrusted_text";
import type { Combination } from "./types";

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
