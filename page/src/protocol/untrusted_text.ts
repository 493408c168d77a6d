/** Makes text from others safe to show: one line of bounded length, without characters that hide or reorder others. Pure. */

/** Control characters, lone surrogates, and characters without a width, except for those that join and style emoji. */
const HIDDEN = /(?![\u200c\u200d\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|[\p{Cc}\p{Cs}\ufff9-\ufffb]/gu;
const MAX_RELAY_TEXT = 200;

/** Whether a text contains characters that are invisible, or that reorder others. */
export const hasHidden = (text: string): boolean => text.search(HIDDEN) !== -1;

/** Return one line of at most `limit` characters. */
export function plainLine(text: string, limit: number): string {
  const clean = text.slice(0, limit * 16).replace(/[\s\u0085]+/g, " ").replace(HIDDEN, "").trim();
  const letters = Array.from(clean);
  return letters.length <= limit ? clean : `${letters.slice(0, limit - 1).join("")}…`;
}

/** Quote text that a relay sent in clear, which anyone on the network path may have written. */
export function relayWords(message: unknown): string {
  const words = typeof message === "string" ? plainLine(message, MAX_RELAY_TEXT) : "";
  return words === "" ? "The relay gives no reason." : `The relay says: “${words.replace(/["“”„‟«»]/g, "'")}”`;
}
