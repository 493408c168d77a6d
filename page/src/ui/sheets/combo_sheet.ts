/** Creates, changes and removes a key combination. */

import { el, setText } from "../base/dom";
import { type Combo, labelFor, MAX_COMBOS, MAX_LABEL, MAX_SEQUENCE, parseCombo } from "../keys/combos";
import { fits } from "../../session/combination_list";
import { plainLine } from "../../protocol/untrusted_text";
import { openSheet } from "./sheet";

const INSERTS = ["<Enter>", "<Esc>", "<Tab>", "<Ctrl+C>", "<Alt+.>", "<Up>", "<F1>"] as const;

/** `save` gets the new list of all combinations. */
export function openCombo(combo: Combo | null, combos: readonly Combo[], save: (combos: readonly Combo[]) => void): void {
  const plain = { autocapitalize: "off", autocomplete: "off", autocorrect: "off", spellcheck: "false" };
  const sequence = el("input", { ...plain, type: "text", class: "mono", maxlength: MAX_SEQUENCE, placeholder: "git status<Enter>", value: combo?.sequence });
  const label = el("input", { ...plain, type: "text", maxlength: MAX_LABEL, placeholder: "Same as the text", value: combo?.label });
  const problem = el("p", { class: "problem", role: "alert" });
  const inserts = el("div", { class: "inserts" }, ...INSERTS.map((name) => el("button", { type: "button", class: "chip mono" }, name)));
  const remove = combo !== null && el("button", { type: "button", class: "quiet danger-text" }, "Remove");
  const form = el(
    "form", { novalidate: true },
    el("label", { class: "field" }, el("span", {}, "Text and keys to send"), sequence),
    inserts, problem,
    el("label", { class: "field" }, el("span", {}, "Label"), label),
    el("div", { class: "sheet-buttons" }, remove, el("button", { class: "primary" }, "Save")),
  );
  const sheet = openSheet(combo === null ? "New combination" : "Combination", form);
  const others = combos.filter((other) => other.id !== combo?.id);

  sheet.scope.listen(inserts, "click", (event) => {
    if (event.target instanceof HTMLButtonElement) insert(sequence, event.target.textContent ?? "");
  });
  sheet.scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const made = { id: combo?.id ?? newId(), label: plainLine(label.value, MAX_LABEL) || labelFor(sequence.value), sequence: sequence.value };
    const all = combo === null ? [...combos, made] : combos.map((other) => (other.id === combo.id ? made : other));
    const wrong = problemOf(made, all);
    setText(problem, wrong ?? "");
    if (wrong !== null) return sequence.focus();
    save(all);
    sheet.close();
  });
  if (remove) {
    sheet.scope.listen(remove, "click", () => {
      save(others);
      sheet.close();
    });
  }
  sequence.focus();
}

function problemOf(made: Combo, all: readonly Combo[]): string | null {
  if (all.length > MAX_COMBOS) return `There are already ${MAX_COMBOS} combinations (the maximum). Remove one first.`;
  const parsed = parseCombo(made.sequence);
  if ("problem" in parsed) return parsed.problem;
  return fits(all) ? null : "All combinations together are too long. Shorten this one or remove another.";
}

function insert(field: HTMLInputElement, text: string): void {
  field.setRangeText(text, field.selectionStart ?? field.value.length, field.selectionEnd ?? field.value.length, "end");
  field.focus();
}

function newId(): string {
  return `own-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e6).toString(36)}`;
}
