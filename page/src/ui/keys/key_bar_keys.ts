/**
 * The keys of the key bar. To add a key, add an entry to one of the rows of `KEY_BAR_ROWS`.
 *
 * - `key(name, label, spoken, repeats)` sends a key that terminals encode, such as "F1" or "Insert". `encoding.ts` lists
 *   their names in `KEYS`.
 * - `text(character, spoken)` types a character.
 * - `modifier(name, label)` holds a modifier for the next key.
 *
 * `label` is shown on the key, and screen readers read `spoken`. `repeats` makes the key repeat while it is held.
 */

import type { Key } from "./encoding";
import type { Modifier } from "./modifiers";

export type KeyBarKey =
  | { readonly kind: "key"; readonly key: Key; readonly label: string; readonly spoken: string; readonly repeats: boolean }
  | { readonly kind: "text"; readonly text: string; readonly spoken: string }
  | { readonly kind: "modifier"; readonly modifier: Modifier; readonly label: string };

const key = (name: Key, label: string, spoken: string, repeats = false): KeyBarKey => ({ kind: "key", key: name, label, spoken, repeats });
const text = (character: string, spoken: string): KeyBarKey => ({ kind: "text", text: character, spoken });
const modifier = (name: Modifier, label: string): KeyBarKey => ({ kind: "modifier", modifier: name, label });

/** Eight keys of 44 pixels fill the narrowest phone (360 pixels). A longer row continues in the next line. */
export const KEY_BAR_ROWS: readonly (readonly KeyBarKey[])[] = [
  [
    key("Escape", "Esc", "Escape"),
    key("Tab", "Tab", "Tab"),
    text("/", "Slash"),
    text("-", "Dash"),
    key("Home", "Home", "Home"),
    key("ArrowUp", "↑", "Up", true),
    key("End", "End", "End"),
    key("PageUp", "PgUp", "Page up", true),
  ],
  [
    modifier("ctrl", "Ctrl"),
    modifier("alt", "Alt"),
    text("|", "Pipe"),
    text("~", "Tilde"),
    key("ArrowLeft", "←", "Left", true),
    key("ArrowDown", "↓", "Down", true),
    key("ArrowRight", "→", "Right", true),
    key("PageDown", "PgDn", "Page down", true),
  ],
];
