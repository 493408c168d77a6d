/**
 * A sheet over the page: a modal dialog at the bottom of a phone, in the middle of a larger screen.
 *
 * When it closes, the browser immediately returns the focus to the element that had it before. Nothing here may move the
 * focus later, in the `close` event: by then the user may type elsewhere, or a menu item may have moved it.
 */

import { type Child, el } from "../base/dom";
import { icon } from "../base/icons";
import { Scope } from "../base/scope";

export interface Sheet {
  readonly element: HTMLDialogElement;
  readonly body: HTMLElement;
  /** Ends with the sheet. */
  readonly scope: Scope;
  close(): void;
}

let count = 0;

export function openSheet(title: string, ...content: Child[]): Sheet {
  const scope = new Scope();
  const id = `sheet-${(count += 1)}`;
  const body = el("div", { class: "sheet-body" }, ...content);
  const dismiss = el("button", { class: "plain", type: "button", "aria-label": "Close" }, icon("close"));
  const head = el("header", { class: "sheet-head" }, el("h2", { id }, title), dismiss);
  const element = el("dialog", { class: "sheet", "aria-labelledby": id }, el("div", { class: "sheet-frame" }, head, body));
  const close = (): void => element.close();
  scope.listen(dismiss, "click", close);
  scope.listen(element, "click", (event) => void (event.target === element && close()));
  scope.listen(element, "close", () => {
    scope.end();
    element.remove();
  });
  document.body.append(element);
  element.showModal();
  return { element, body, scope, close };
}

export interface Question {
  readonly title: string;
  readonly text: string;
  /** Text that is shown in full, in the terminal's font. */
  readonly quoted?: string;
  readonly warning?: string | null;
  readonly yes: string;
  readonly no?: string;
  readonly danger?: boolean;
}

export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const yes = el("button", { class: question.danger ? "primary danger" : "primary", type: "button" }, question.yes);
    const no = el("button", { type: "button" }, question.no ?? "Cancel");
    const sheet = openSheet(
      question.title,
      el("p", {}, question.text),
      question.quoted !== undefined && el("p", { class: "quoted" }, question.quoted),
      question.warning && el("p", { class: "caution" }, icon("warning"), question.warning),
      el("div", { class: "sheet-buttons" }, no, yes),
    );
    let agreed = false;
    sheet.scope.add(() => resolve(agreed));
    sheet.scope.listen(no, "click", sheet.close);
    sheet.scope.listen(yes, "click", () => {
      agreed = true;
      sheet.close();
    });
    (question.danger ? no : yes).focus();
  });
}

/** Ask the user for one line of text. Returns null when the user cancels. */
export function askText(title: string, label: string, value: string, yes: string, longest: number): Promise<string | null> {
  return new Promise((resolve) => {
    const field = el("input", { type: "text", maxlength: longest, autocapitalize: "off", autocomplete: "off", enterkeyhint: "done" });
    field.value = value;
    const form = el("form", { method: "dialog" }, el("label", { class: "field" }, el("span", {}, label), field), el("div", { class: "sheet-buttons" }, el("button", { class: "primary" }, yes)));
    const sheet = openSheet(title, form);
    let given: string | null = null;
    sheet.scope.add(() => resolve(given));
    sheet.scope.listen(form, "submit", () => void (given = field.value.trim() || null));
    field.focus();
    field.select();
  });
}
