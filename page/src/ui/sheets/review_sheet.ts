/** Ask about combinations of unknown origin. Each is shown in full, and none is selected at first. */

import { el } from "../base/dom";
import type { Combo } from "../keys/combos";
import { openSheet } from "./sheet";

/** The combinations to keep; null when the sheet was closed without a decision. */
export function reviewCombos(combos: readonly Combo[]): Promise<readonly Combo[] | null> {
  return new Promise((resolve) => {
    const boxes = combos.map(() => el("input", { type: "checkbox" }));
    const rows = combos.map(({ label, sequence }, at) =>
      el("label", { class: "review" }, boxes[at], el("span", { class: "menu-words" }, el("span", {}, `Key “${label}” types`), el("code", { class: "quoted" }, sequence))),
    );
    const none = el("button", { type: "button", class: "quiet danger-text" }, "Remove all");
    const form = el(
      "form", { method: "dialog" },
      el("p", {}, "An earlier version of this page shared these keys through the relay, which could change them. Choose those that you made. The others are removed."),
      el("div", { class: "stack" }, ...rows),
      el("div", { class: "sheet-buttons" }, none, el("button", { class: "primary" }, "Keep the chosen")),
    );
    const sheet = openSheet("Are these keys yours?", form);
    let decided: readonly Combo[] | null = null;
    sheet.scope.add(() => resolve(decided));
    sheet.scope.listen(form, "submit", () => void (decided = combos.filter((_, at) => boxes[at]?.checked)));
    sheet.scope.listen(none, "click", () => {
      decided = [];
      sheet.close();
    });
    boxes[0]?.focus();
  });
}
