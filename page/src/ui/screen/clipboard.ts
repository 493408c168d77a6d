/** The system's clipboard, with and without the Clipboard API, which pages without HTTPS lack. */

/** The most that a program may copy with OSC 52, in characters of Base64. */
const MAX_OSC52 = 200_000;

/** Copy text. Returns whether it worked. Browsers allow it only in response to a tap or a key. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Refused: execCommand may still work.
  }
  return copyByCommand(text);
}

function copyByCommand(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "offscreen";
  field.readOnly = true;
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  field.setSelectionRange(0, text.length);
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

/** Return the clipboard's text; null when the page may not read it. */
export async function readText(): Promise<string | null> {
  try {
    return (await navigator.clipboard?.readText()) ?? null;
  } catch {
    return null;
  }
}

/** Return the text that an OSC 52 sequence copies; null when it is invalid, too long, or a query. */
export function parseOsc52(payload: string): string | null {
  const separator = payload.indexOf(";");
  const data = payload.slice(separator + 1);
  if (separator < 0 || data === "?" || data === "" || data.length > MAX_OSC52) return null;
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
