/** The keys of the bar, in their places: two rows of eight that fit 360 pixels. */

import type { Key } from "./encoding";
import type { Modifier } from "./modifiers";

export type KeyBarKey =
  | { readonly kind: "key"; readonly key: Key; readonly label: string; readonly spoken: string; readonly repeats: boolean }
  | { readonly kind: "text"; readonly text: string; readonly spoken: string }
  | { readonly kind: "modifier"; readonly modifier: Modifier; readonly label: string };

const key = (name: Key, label: string, spoken: string, repeats = false): KeyBarKey => ({ kind: "key", key: name, label, spoken, repeats });
const text = (character: string, spoken: string): KeyBarKey => ({ kind: "text", text: character, spoken });

export const KEY_BAR_KEYS: readonly KeyBarKey[] = [
  key("Escape", "Esc", "Escape"), key("Tab", "Tab", "Tab"), text("/", "Slash"), text("-", "Dash"),
  key("Home", "Home", "Home"), key("ArrowUp", "↑", "Up", true), key("End", "End", "End"), key("PageUp", "PgUp", "Page up", true),
  { kind: "modifier", modifier: "ctrl", label: "Ctrl" }, { kind: "modifier", modifier: "alt", label: "Alt" }, text("|", "Pipe"), text("~", "Tilde"),
  key("ArrowLeft", "←", "Left", true), key("ArrowDown", "↓", "Down", true), key("ArrowRight", "→", "Right", true), key("PageDown", "PgDn", "Page down", true),
];
