/**
 * Key combinations that people make: a sequence of text and keys, such as `git status<Enter>`, `<Ctrl+B>c`, `<Esc>:wq<Enter>`.
 *
 * Keys are in angle brackets, and `<<` is a plain `<`. Pure.
 */

import { MAX_COMBINATIONS, readCombination } from "../../session/combination_list";
import type { Combination } from "../../session/types";
import { hasHidden } from "../../protocol/untrusted_text";
import { encodeCharacter, encodeKey, type Held, type Key, KEYS } from "./encoding";

export type Combo = Combination;

export type Step = { readonly text: string } | { readonly key: Key | string; readonly held: Held };
export type Parsed = { readonly steps: readonly Step[] } | { readonly problem: string };

export const MAX_COMBOS = MAX_COMBINATIONS;
export const MAX_LABEL = 14;
export const MAX_SEQUENCE = 500;

/** Other names of keys. */
const ALIASES: Readonly<Record<string, Key>> = {
  esc: "Escape", return: "Enter", cr: "Enter", del: "Delete", ins: "Insert", bs: "Backspace", up: "ArrowUp", down: "ArrowDown",
  left: "ArrowLeft", right: "ArrowRight", pgup: "PageUp", pgdn: "PageDown", pagedown: "PageDown",
};
const BY_NAME = new Map<string, Key>(KEYS.map((key) => [key.toLowerCase(), key])); // bounded by KEYS

export function parseCombo(sequence: string): Parsed {
  if (sequence === "") return { problem: "Enter the text and keys to send, such as git status<Enter>." };
  if (sequence.length > MAX_SEQUENCE) return { problem: `The text has ${sequence.length} characters (maximum ${MAX_SEQUENCE}).` };
  if (hasHidden(sequence)) return { problem: "The text contains an invisible character. Write keys by name, such as <Tab>." };
  const steps: Step[] = [];
  for (const part of sequence.match(/<<|<[^<>]*>|<|[^<]+/g) ?? []) {
    const step = parsePart(part);
    if (step === null) return { problem: unknownKey(part) };
    steps.push(step);
  }
  return { steps };
}

function unknownKey(part: string): string {
  if (part === "<") return "A < starts the name of a key and needs a closing >. Write << for a plain <.";
  return `${part} is not a key. Keys are <Enter>, <Tab>, <Esc>, <Up>, <F1>, <Ctrl+C>, <Alt+.> and so on. Write << for a plain <.`;
}

function parsePart(part: string): Step | null {
  if (part === "<<") return { text: "<" };
  if (!part.startsWith("<")) return { text: part };
  return part.length > 2 ? parseKey(part.slice(1, -1)) : null;
}

function parseKey(name: string): Step | null {
  const match = /^((?:(?:ctrl|control|alt|shift|c|m|s)[+-])*)(.+)$/iu.exec(name.trim());
  if (match === null) return null;
  const held = parseHeld(match[1] ?? "");
  const base = match[2] ?? "";
  const key = BY_NAME.get(base.toLowerCase()) ?? ALIASES[base.toLowerCase()];
  if (key !== undefined) return { key, held };
  const modified = held.ctrl || held.alt || held.shift;
  return modified && Array.from(base).length === 1 ? { key: base, held } : null;
}

function parseHeld(prefix: string): Held {
  const names = prefix.toLowerCase().split(/[+-]/);
  const has = (...wanted: string[]): boolean => wanted.some((name) => names.includes(name));
  return { ctrl: has("ctrl", "control", "c"), alt: has("alt", "m"), shift: has("shift", "s") };
}

/** Return what is sent to the terminal. A line feed in text is Enter. */
export function encodeCombo(steps: readonly Step[], applicationCursor: boolean): string {
  return steps.map((step) => encodeStep(step, applicationCursor)).join("");
}

function encodeStep(step: Step, applicationCursor: boolean): string {
  if ("text" in step) return step.text.replace(/\r?\n/g, "\r");
  return isKey(step.key) ? encodeKey(step.key, step.held, applicationCursor) : encodeCharacter(step.key, step.held);
}

function isKey(name: string): name is Key {
  return (KEYS as readonly string[]).includes(name);
}

/** Return the stored combinations that can be used, or the default ones when none are stored. */
export function readCombos(kept: readonly unknown[] | null): readonly Combo[] {
  if (kept === null) return DEFAULT_COMBOS;
  return kept.map(readCombination).filter((combo): combo is Combo => combo !== null && !("problem" in parseCombo(combo.sequence))).slice(0, MAX_COMBOS);
}

export const DEFAULT_COMBOS: readonly Combo[] = [
  { id: "interrupt", label: "^C", sequence: "<Ctrl+C>" },
  { id: "end-of-input", label: "^D", sequence: "<Ctrl+D>" },
  { id: "search-history", label: "^R", sequence: "<Ctrl+R>" },
  { id: "suspend", label: "^Z", sequence: "<Ctrl+Z>" },
];

/** Return the label of a combination that was given none. */
export function labelFor(sequence: string): string {
  const letters = Array.from(sequence.trim() || "Space");
  return letters.length <= MAX_LABEL ? letters.join("") : `${letters.slice(0, MAX_LABEL - 1).join("")}…`;
}
