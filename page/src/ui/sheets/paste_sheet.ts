/** Pasting when the page may not read the clipboard: people paste into a field. */

import { el } from "../base/dom";
import { openSheet } from "./sheet";

export function openPaste(paste: (text: string) => void): void {
  const field = el("textarea", { class: "mono", rows: 4, autocapitalize: "off", autocomplete: "off", spellcheck: "false", placeholder: "Touch and hold, then Paste", "aria-label": "Text to paste" });
  const yes = el("button", { type: "button", class: "primary" }, "Paste into the terminal");
  const sheet = openSheet("Paste", el("p", { class: "hint" }, "This browser does not let the page read the clipboard."), field, el("div", { class: "sheet-buttons" }, yes));
  sheet.scope.listen(yes, "click", () => {
    const text = field.value;
    sheet.close();
    if (text !== "") paste(text);
  });
  field.focus();
}
