/** The bytes that xterm sends for each key. Pure. */

export const KEYS = [
  "Escape", "Tab", "Enter", "Backspace", "Delete", "Insert", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight",
  "Home", "End", "PageUp", "PageDown", "Space", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12",
] as const;
export type Key = (typeof KEYS)[number];

export interface Held {
  readonly ctrl: boolean;
  readonly alt: boolean;
  readonly shift: boolean;
}

export const NONE_HELD: Held = { ctrl: false, alt: false, shift: false };

const ESC = "\u001b";
/** Final letters of the keys that change with application cursor mode (DECCKM). */
const CURSOR: Partial<Record<Key, string>> = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F" };
const FUNCTION: Partial<Record<Key, string>> = { F1: "P", F2: "Q", F3: "R", F4: "S" };
const NUMBERED: Partial<Record<Key, number>> = {
  Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24,
};
/** Control codes of characters other than letters, as on the VT100. */
const CONTROL: Readonly<Record<string, string>> = {
  " ": "\0", "@": "\0", "2": "\0", "[": ESC, "3": ESC, "\\": "\u001c", "|": "\u001c", "4": "\u001c", "]": "\u001d", "5": "\u001d",
  "^": "\u001e", "~": "\u001e", "6": "\u001e", "_": "\u001f", "/": "\u001f", "-": "\u001f", "7": "\u001f", "?": "\u007f", "8": "\u007f",
};

export function encodeKey(key: Key, held: Held = NONE_HELD, applicationCursor = false): string {
  const cursor = CURSOR[key];
  if (cursor !== undefined) return encodeLetter(cursor, held, applicationCursor ? "O" : "[");
  const functional = FUNCTION[key];
  if (functional !== undefined) return encodeLetter(functional, held, "O");
  const numbered = NUMBERED[key];
  if (numbered !== undefined) return encodeNumber(numbered, held);
  return encodePlain(key, held);
}

function encodeLetter(letter: string, held: Held, introducer: string): string {
  const parameter = modifierParameter(held);
  return parameter === 1 ? `${ESC}${introducer}${letter}` : `${ESC}[1;${parameter}${letter}`;
}

function encodeNumber(number: number, held: Held): string {
  const parameter = modifierParameter(held);
  return parameter === 1 ? `${ESC}[${number}~` : `${ESC}[${number};${parameter}~`;
}

function modifierParameter(held: Held): number {
  return 1 + (held.shift ? 1 : 0) + (held.alt ? 2 : 0) + (held.ctrl ? 4 : 0);
}

function encodePlain(key: Key, held: Held): string {
  if (key === "Tab" && held.shift) return `${ESC}[Z`;
  const plain = { Escape: ESC, Tab: "\t", Enter: "\r", Space: held.ctrl ? "\0" : " ", Backspace: held.ctrl ? "\b" : "\u007f" }[key as string];
  return (held.alt ? ESC : "") + (plain ?? "");
}

/** Encode a typed character with modifiers. Ctrl changes nothing for a character without a control code. */
export function encodeCharacter(character: string, held: Held): string {
  const coded = held.ctrl ? controlled(character) : held.shift ? character.toUpperCase() : character;
  return (held.alt ? ESC : "") + coded;
}

function controlled(character: string): string {
  const upper = character.toUpperCase();
  if (upper.length === 1 && upper >= "A" && upper <= "Z") return String.fromCharCode(upper.charCodeAt(0) - 64);
  return CONTROL[character] ?? character;
}

/** Return the key of a sequence without modifiers, or null. */
export function decodeKey(sequence: string): Key | null {
  return DECODED.get(sequence) ?? null;
}

// bounded by KEYS: each key in both cursor modes
const DECODED = new Map<string, Key>(
  KEYS.filter((key) => key !== "Space").flatMap((key) => [
    [encodeKey(key, NONE_HELD, false), key] as const,
    [encodeKey(key, NONE_HELD, true), key] as const,
  ]),
);

/**
 * Encode typed data with the key bar's modifiers. Null: it can't be combined with them (a paste, a mouse report), and the
 * modifiers stay held for the next key.
 */
export function withHeld(data: string, held: Held, applicationCursor: boolean): string | null {
  const key = decodeKey(data);
  if (key !== null) return encodeKey(key, held, applicationCursor);
  const characters = Array.from(data);
  const only = characters[0];
  if (characters.length !== 1 || only === undefined || only < " ") return null;
  return encodeCharacter(only, held);
}
