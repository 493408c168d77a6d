/** Ctrl and Alt of the key bar: off, held for one key, or locked. Pure; the time is a parameter. */

import { type Held, withHeld } from "./encoding";

export type Modifier = "ctrl" | "alt";
export type ModifierState = "off" | "once" | "locked";

export interface Modifiers {
  readonly ctrl: ModifierState;
  readonly alt: ModifierState;
  /** The last tap, to recognise a double tap. */
  readonly tapped: { readonly modifier: Modifier; readonly at: number } | null;
}

export const RELEASED: Modifiers = { ctrl: "off", alt: "off", tapped: null };
/** Two taps within this many milliseconds lock. */
export const DOUBLE_TAP_MS = 350;

export function tap(modifiers: Modifiers, modifier: Modifier, now: number): Modifiers {
  const last = modifiers.tapped;
  const again = last !== null && last.modifier === modifier && now - last.at <= DOUBLE_TAP_MS;
  const grip = next(modifiers[modifier], again);
  return { ...modifiers, [modifier]: grip, tapped: grip === "once" ? { modifier, at: now } : null };
}

function next(grip: ModifierState, again: boolean): ModifierState {
  if (grip === "off") return "once";
  return grip === "once" && again ? "locked" : "off";
}

/** Release the modifiers that were held for one key, since a key was sent. */
export function spend(modifiers: Modifiers): Modifiers {
  if (modifiers.ctrl !== "once" && modifiers.alt !== "once") return modifiers;
  return { ctrl: spent(modifiers.ctrl), alt: spent(modifiers.alt), tapped: null };
}

function spent(grip: ModifierState): ModifierState {
  return grip === "once" ? "off" : grip;
}

export function held(modifiers: Modifiers): Held {
  return { ctrl: modifiers.ctrl !== "off", alt: modifiers.alt !== "off", shift: false };
}

export function anyHeld(modifiers: Modifiers): boolean {
  return modifiers.ctrl !== "off" || modifiers.alt !== "off";
}

/** Returns the text with these modifiers applied; null if they cannot be combined. */
export function withHeldOf(data: string, modifiers: Modifiers, applicationCursor: boolean): string | null {
  return withHeld(data, held(modifiers), applicationCursor);
}
