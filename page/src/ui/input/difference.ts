/** How a text field changed, as a terminal can be told: so many characters taken back, and then text. Pure. */

export interface Difference {
  readonly erased: number;
  readonly inserted: string;
}

/**
 * Soft keyboards rewrite words (suggestions, dictation, corrections), while a shell only knows keys. So what differs is
 * taken back from the end, and typed anew. Counted in code points, as shells delete.
 */
export function difference(before: string, after: string): Difference {
  const old = Array.from(before);
  const now = Array.from(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { erased: old.length - same, inserted: now.slice(same).join("") };
}

/** What is typed for it. */
export function keystrokes(change: Difference): string {
  return "\u007f".repeat(change.erased) + change.inserted.replace(/\r?\n/g, "\r");
}

/**
 * Text from a clipboard, safe to be typed: without control characters, so that it can't end a bracketed paste by itself,
 * nor move the cursor.
 */
export function pasteable(text: string): string {
  return text.replace(/\r?\n/g, "\r").replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "");
}

export function bracketed(text: string, bracketedPaste: boolean): string {
  return bracketedPaste ? `\u001b[200~${text}\u001b[201~` : text;
}
