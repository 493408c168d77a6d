/** The system's clipboard, with and without the modern way (which pages without HTTPS don't have). */

/** Most that a program may put on the clipboard by OSC 52, in characters of Base64. */
const MAX_OSC52 = 200_000;

/** Whether it worked. To be called from a tap or a key: browsers want one. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Refused: the old way may still work.
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

/** The clipboard's text; null when the page may not read it. */
export async function readText(): Promise<string | null> {
  try {
    return (await navigator.clipboard?.readText()) ?? null;
  } catch {
    return null;
  }
}

/** The text of an OSC 52 that writes; null when it is none, reads, or is too long. */
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
