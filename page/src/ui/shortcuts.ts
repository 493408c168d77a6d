/** Shortcuts for hardware keyboards. All other keys go to the terminal. Pure. */

export type Shortcut = "copy" | "paste" | "top" | "bottom";

/** Return the shortcut of an event. Ctrl without Shift belongs to programs, as in other terminals. */
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
