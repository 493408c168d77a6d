/**
 * The user's preferences: stored in this browser; colours and the font size also at the relay.
 *
 * Each field is validated, since another version or another app may have written it.
 */

import type { Settings } from "../../session/types";
import { PALETTES } from "../screen/palettes";

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
}

export const SMALLEST_FONT = 8;
export const LARGEST_FONT = 28;
const KEY = "mobifai.preferences";
const UNSAVED = "mobifai.preferences.unsaved";

export const DEFAULTS: Preferences = {
  scheme: "system", palette: "auto", fontSize: 14, screenReader: false, vibrate: true, composing: "auto", keyBar: "full",
  cursorBlink: false,
};

export function clampFont(size: number): number {
  return Math.max(SMALLEST_FONT, Math.min(LARGEST_FONT, Math.round(size)));
}

export function readPreferences(stored: unknown): Preferences {
  const from = (typeof stored === "object" && stored !== null ? stored : {}) as Record<string, unknown>;
  return {
    scheme: oneOf(from["scheme"], ["system", "dark", "light"], DEFAULTS.scheme),
    palette: oneOf(from["palette"], ["auto", ...PALETTES.map(({ id }) => id)], DEFAULTS.palette),
    fontSize: typeof from["fontSize"] === "number" && Number.isFinite(from["fontSize"]) ? clampFont(from["fontSize"]) : DEFAULTS.fontSize,
    screenReader: from["screenReader"] === true,
    vibrate: from["vibrate"] !== false,
    composing: oneOf(from["composing"], ["auto", "at-once", "when-done"], DEFAULTS.composing),
    keyBar: oneOf(from["keyBar"], ["full", "one-row"], DEFAULTS.keyBar),
    cursorBlink: from["cursorBlink"] === true,
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
    // Full or forbidden: the preferences last until the page is closed.
  }
}

/** Whether a change still has to be saved at the relay. */
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
    // Full or forbidden: it lasts until the page is closed.
  }
}

/** Return the part that is saved at the relay: appearance only. The rest belongs to one device. */
export function toSettings(preferences: Preferences): Settings {
  const { palette, fontSize, scheme } = preferences;
  return { theme: palette, fontSize, page: { palette, scheme } };
}

/** Apply the relay's settings. Themes of apps that this page does not know change nothing. */
export function withSettings(preferences: Preferences, { fontSize, page }: Settings): Preferences {
  return readPreferences({ ...preferences, ...page, ...(fontSize === undefined ? {} : { fontSize }) });
}
