/** Pasting where a page may not read the clipboard: people paste into a field, and it goes on from there. */

import { el } from "../base/dom";
import { openSheet } from "./sheet";

export function openPaste(paste: (text: string) => void): void {
  const field = el("textarea", { class: "mono", rows: 4, autocapitalize: "off", autocomplete: "off", spellcheck: "false", placeholder: "Hold here, then Paste", "aria-label": "Text to paste" });
  const yes = el("button", { type: "button", class: "primary" }, "Type it into the terminal");
  const sheet = openSheet("Paste", el("p", { class: "hint" }, "This browser does not let the page read the clipboard by itself."), field, el("div", { class: "sheet-buttons" }, yes));
  sheet.scope.listen(yes, "click", () => {
    const text = field.value;
    sheet.close();
    if (text !== "") paste(text);
  });
  field.focus();
}
