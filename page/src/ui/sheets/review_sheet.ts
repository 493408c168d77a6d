/** Asks about combinations of unknown origin. Each is shown in full, and none is selected at first. */

import { el } from "../base/dom";
import type { Combo } from "../keys/combos";
import { openSheet } from "./sheet";

/** Return the combinations to keep; null when the user closed the sheet without a decision. */
export function reviewCombos(combos: readonly Combo[]): Promise<readonly Combo[] | null> {
  return new Promise((resolve) => {
    const boxes = combos.map(() => el("input", { type: "checkbox" }));
    const rows = combos.map(({ label, sequence }, at) =>
      el("label", { class: "review" }, boxes[at], el("span", { class: "menu-words" }, el("span", {}, `“${label}” sends`), el("code", { class: "quoted" }, sequence))),
    );
    const none = el("button", { type: "button", class: "quiet danger-text" }, "Remove all");
    const form = el(
      "form", { method: "dialog" },
      el("p", {}, "An earlier version of this page shared these combinations through the relay, which could change them. Select those that you made. The others will be removed."),
      el("div", { class: "stack" }, ...rows),
      el("div", { class: "sheet-buttons" }, none, el("button", { class: "primary" }, "Keep selected")),
    );
    const sheet = openSheet("Are these key combinations yours?", form);
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
