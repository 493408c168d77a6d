/** The change of a text field, as keystrokes for a terminal: a number of backspaces, then text. Pure. */

export interface Difference {
  readonly erased: number;
  readonly inserted: string;
}

/**
 * Compare two texts. Soft keyboards rewrite words (suggestions, dictation, corrections), but a shell understands only keys:
 * the part that differs is deleted from the end and typed again. Counts code points, as shells delete them.
 */
export function difference(before: string, after: string): Difference {
  const old = Array.from(before);
  const now = Array.from(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { erased: old.length - same, inserted: now.slice(same).join("") };
}

/** Return the keystrokes of a change. */
export function keystrokes(change: Difference): string {
  return "\u007f".repeat(change.erased) + change.inserted.replace(/\r?\n/g, "\r");
}

/** Remove control characters from pasted text, so that it can neither end a bracketed paste nor move the cursor. */
export function pasteable(text: string): string {
  return text.replace(/\r?\n/g, "\r").replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "");
}

export function bracketed(text: string, bracketedPaste: boolean): string {
  return bracketedPaste ? `\u001b[200~${text}\u001b[201~` : text;
}
