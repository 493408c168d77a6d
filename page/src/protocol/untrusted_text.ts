/** Text that others wrote, made fit to be shown: one line, of bounded length, without what hides or reorders letters. Pure. */

/** Control characters, halves of characters, and what has no width of its own, except for what joins and styles emoji. */
const HIDDEN = /(?![\u200c\u200d\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|[\p{Cc}\p{Cs}\ufff9-\ufffb]/gu;
const MOST_FROM_RELAY = 200;

/** Whether a text has anything that is not seen when it is shown, or that moves what is. */
export const hasHidden = (text: string): boolean => text.search(HIDDEN) !== -1;

/** One line of at most `limit` characters. */
export function plainLine(text: string, limit: number): string {
  const clean = text.slice(0, limit * 16).replace(/[\s\u0085]+/g, " ").replace(HIDDEN, "").trim();
  const letters = Array.from(clean);
  return letters.length <= limit ? clean : `${letters.slice(0, limit - 1).join("")}…`;
}

/** What a relay sent in clear, as the relay's words: anybody on the way can have written it. */
export function relayWords(message: unknown): string {
  const words = typeof message === "string" ? plainLine(message, MOST_FROM_RELAY) : "";
  return words === "" ? "The relay gives no reason." : `The relay says: “${words.replace(/["“”„‟«»]/g, "'")}”`;
}
