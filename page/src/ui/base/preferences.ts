/**
 * What people chose: kept in this browser, and the part that is of use on other devices also at the relay.
 *
 * What is read is checked field by field, since both places can hold what another version or another app wrote.
 */

import type { Settings } from "../../session/types";
import { type Combo, DEFAULT_COMBOS, readCombos } from "../keys/combos";

export type SchemeChoice = "system" | "dark" | "light";
export type Composing = "auto" | "at-once" | "when-done";

export interface Preferences {
  readonly scheme: SchemeChoice;
  readonly palette: string;
  readonly fontSize: number;
  readonly screenReader: boolean;
  readonly vibrate: boolean;
  readonly composing: Composing;
  readonly keyBar: "full" | "one-row";
  readonly cursorBlink: boolean;
  readonly combos: readonly Combo[];
}

export const SMALLEST_FONT = 8;
export const LARGEST_FONT = 28;
const KEY = "mobifai.preferences";
const UNSAVED = "mobifai.preferences.unsaved";

export const DEFAULTS: Preferences = {
  scheme: "system", palette: "auto", fontSize: 14, screenReader: false, vibrate: true, composing: "auto", keyBar: "full",
  cursorBlink: false, combos: DEFAULT_COMBOS,
};

export function clampFont(size: number): number {
  return Math.max(SMALLEST_FONT, Math.min(LARGEST_FONT, Math.round(size)));
}

export function readPreferences(stored: unknown): Preferences {
  const from = (typeof stored === "object" && stored !== null ? stored : {}) as Record<string, unknown>;
  return {
    scheme: oneOf(from["scheme"], ["system", "dark", "light"], DEFAULTS.scheme),
    palette: typeof from["palette"] === "string" ? from["palette"].slice(0, 40) : DEFAULTS.palette,
    fontSize: typeof from["fontSize"] === "number" && Number.isFinite(from["fontSize"]) ? clampFont(from["fontSize"]) : DEFAULTS.fontSize,
    screenReader: from["screenReader"] === true,
    vibrate: from["vibrate"] !== false,
    composing: oneOf(from["composing"], ["auto", "at-once", "when-done"], DEFAULTS.composing),
    keyBar: oneOf(from["keyBar"], ["full", "one-row"], DEFAULTS.keyBar),
    cursorBlink: from["cursorBlink"] === true,
    combos: readCombos(from["combos"]),
  };
}

function oneOf<T extends string>(value: unknown, choices: readonly T[], otherwise: T): T {
  return choices.find((choice) => choice === value) ?? otherwise;
}

export function loadPreferences(storage: Storage | null): Preferences {
  try {
    return readPreferences(JSON.parse(storage?.getItem(KEY) ?? "null"));
  } catch {
    return DEFAULTS; // storage is forbidden, or holds something else
  }
}

export function savePreferences(storage: Storage | null, preferences: Preferences): void {
  try {
    storage?.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Full or forbidden: what was chosen holds until the page is closed.
  }
}

/** Whether something was chosen that the relay does not have yet. */
export function isUnsaved(storage: Storage | null): boolean {
  try {
    return storage?.getItem(UNSAVED) === "yes";
  } catch {
    return false;
  }
}

export function markUnsaved(storage: Storage | null, unsaved: boolean): void {
  try {
    if (unsaved) storage?.setItem(UNSAVED, "yes");
    else storage?.removeItem(UNSAVED);
  } catch {
    // Full or forbidden: it holds until the page is closed.
  }
}

/** What of it goes to the relay. Screen readers, vibration and keyboards belong to one device. */
export function toSettings(preferences: Preferences): Settings {
  const { palette, fontSize, combos, scheme } = preferences;
  return { theme: palette, fontSize, page: { palette, scheme, combos } };
}

/** The relay's settings over ours; the apps' own themes, which this page doesn't know, change nothing. */
export function withSettings(preferences: Preferences, settings: Settings): Preferences {
  const page = (typeof settings["page"] === "object" && settings["page"] !== null ? settings["page"] : {}) as Record<string, unknown>;
  const merged: Record<string, unknown> = { ...preferences };
  for (const name of ["palette", "scheme", "combos"]) if (name in page) merged[name] = page[name];
  if (typeof settings.fontSize === "number") merged["fontSize"] = settings.fontSize;
  return readPreferences(merged);
}
