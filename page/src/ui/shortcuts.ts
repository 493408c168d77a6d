/** Shortcuts of computers' keyboards. Everything else is the terminal's. Pure. */

export type Shortcut = "copy" | "paste" | "top" | "bottom";

/** Ctrl alone belongs to programs, so copying and pasting are with Shift, as in other terminals. */
export function shortcutOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "shiftKey" | "metaKey" | "altKey">): Shortcut | null {
  if (event.altKey || event.metaKey) return null; // ⌘C and ⌘V are the browser's own
  const key = event.key.toLowerCase();
  if (event.shiftKey && !event.ctrlKey && key === "insert") return "paste";
  if (event.shiftKey && !event.ctrlKey && key === "home") return "top"; // as Shift with Page Up and Down scrolls
  if (event.shiftKey && !event.ctrlKey && key === "end") return "bottom";
  if (!event.ctrlKey) return null;
  if (event.shiftKey && key === "c") return "copy";
  if (event.shiftKey && key === "v") return "paste";
  return !event.shiftKey && key === "insert" ? "copy" : null;
}
