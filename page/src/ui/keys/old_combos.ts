/**
 * Combinations that an earlier version of this page stored. A relay could change them then, so they type nothing until
 * the user has reviewed each one.
 */

import { readCombination } from "../../session/combination_list";
import { type Combo, DEFAULT_COMBOS, MAX_COMBOS, parseCombo } from "./combos";

const PREFERENCES = "mobifai.preferences";
const TO_REVIEW = "mobifai.combinations.old";

/** Return the combinations to review. The first call moves them out of the preferences. */
export function oldCombos(storage: Storage | null): readonly Combo[] {
  if (storage === null) return [];
  try {
    move(storage);
    const waiting: unknown = JSON.parse(storage.getItem(TO_REVIEW) ?? "[]");
    return Array.isArray(waiting) ? waiting.map(usable).filter((combo): combo is Combo => combo !== null).slice(0, MAX_COMBOS) : [];
  } catch {
    return []; // storage is forbidden, or holds something else
  }
}

/** Delete them: the user has decided. */
export function forgetOldCombos(storage: Storage | null): void {
  try {
    storage?.removeItem(TO_REVIEW);
  } catch {
    // forbidden: the user is asked again
  }
}

function move(storage: Storage): void {
  const preferences = JSON.parse(storage.getItem(PREFERENCES) ?? "null") as Record<string, unknown> | null;
  if (preferences === null || typeof preferences !== "object" || !("combos" in preferences)) return;
  const { combos, ...others } = preferences;
  const own = Array.isArray(combos) ? combos.filter((combo) => !isDefault(combo)) : [];
  if (own.length > 0) storage.setItem(TO_REVIEW, JSON.stringify(own));
  storage.setItem(PREFERENCES, JSON.stringify(others));
}

function isDefault(found: unknown): boolean {
  const combo = readCombination(found);
  return DEFAULT_COMBOS.some((usual) => usual.id === combo?.id && usual.label === combo.label && usual.sequence === combo.sequence);
}

function usable(found: unknown): Combo | null {
  const combo = readCombination(found);
  return combo === null || "problem" in parseCombo(combo.sequence) ? null : combo;
}
