/** The state that the views render. */

import type { Connection, KnownMachine, Tab } from "../session/types";
import { type AssistantState, NO_ASSISTANT } from "./assistant/conversations";
import type { Preferences } from "./base/preferences";
import { type Combo, DEFAULT_COMBOS } from "./keys/combos";
import { type Modifiers, RELEASED } from "./keys/modifiers";
import { type Palette, paletteFor, type Scheme } from "./screen/palettes";

export interface AppState {
  readonly connection: Connection;
  readonly machines: readonly KnownMachine[];
  readonly tabs: readonly Tab[];
  readonly shown: string | null;
  /** Titles that programs gave their terminals; at most one for each tab. */
  readonly titles: Readonly<Record<string, string>>;
  readonly preferences: Preferences;
  readonly scheme: Scheme;
  readonly combos: readonly Combo[];
  readonly modifiers: Modifiers;
  readonly assistant: AssistantState;
  readonly asking: boolean;
  readonly atBottom: boolean;
  /** Bytes of the shown terminal that were skipped; usually 0. */
  readonly skipped: number;
}

export function firstState(connection: Connection, tabs: readonly Tab[], preferences: Preferences, scheme: Scheme): AppState {
  return {
    connection, machines: [], tabs, shown: null, titles: {}, preferences, scheme, combos: DEFAULT_COMBOS, modifiers: RELEASED, assistant: NO_ASSISTANT, asking: false,
    atBottom: true, skipped: 0,
  };
}

export function schemeOf(preferences: Preferences, system: Scheme): Scheme {
  return preferences.scheme === "system" ? system : preferences.scheme;
}

export function paletteOf(state: AppState): Palette {
  return paletteFor(state.preferences.palette, state.scheme);
}
