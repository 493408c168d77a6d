/** A sheet with a list of actions. */

import { el } from "../base/dom";
import { icon, type IconName } from "../base/icons";
import { openSheet } from "./sheet";

export interface MenuItem {
  readonly label: string;
  readonly picture: IconName;
  readonly act: () => void;
  readonly hint?: string;
  readonly danger?: boolean;
  readonly disabled?: boolean;
}

export function openMenu(title: string, choices: readonly MenuItem[]): void {
  const list = el("div", { class: "menu" });
  const sheet = openSheet(title, list);
  for (const choice of choices) {
    const words = el("span", { class: "menu-words" }, el("span", {}, choice.label), choice.hint !== undefined && el("small", {}, choice.hint));
    const button = el("button", { class: choice.danger ? "menu-item danger-text" : "menu-item", type: "button", disabled: choice.disabled ?? false }, icon(choice.picture), words);
    sheet.scope.listen(button, "click", () => {
      sheet.close();
      choice.act();
    });
    list.append(button);
  }
}
