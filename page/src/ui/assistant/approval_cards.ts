/** Actions of the assistant that need approval: shown in full, with their risk and the time left to answer. */

import type { Tab } from "../../session/types";
import { el, setText } from "../base/dom";
import { icon } from "../base/icons";
import { Scope } from "../base/scope";
import { type Approval, describe } from "./conversations";

export class ApprovalCards {
  readonly element = el("div", { class: "approvals", role: "alert" });
  readonly #cards = new Map<string, { element: HTMLElement; scope: Scope }>(); // bounded by MAX_APPROVALS
  readonly #answer: (id: string, ok: boolean) => void;

  constructor(answer: (id: string, ok: boolean) => void, scope: Scope) {
    this.#answer = answer;
    scope.add(() => this.render([], null, []));
  }

  /** Cards that stay keep their elements, so that a button never moves under a finger. */
  render(approvals: readonly Approval[], shown: string | null, tabs: readonly Tab[]): void {
    const wanted = new Set(approvals.map((approval) => approval.id));
    for (const [id, card] of this.#cards) if (!wanted.has(id)) this.#remove(id, card);
    for (const approval of approvals) if (!this.#cards.has(approval.id)) this.#add(approval, nameOf(approval, shown, tabs));
  }

  #remove(id: string, card: { element: HTMLElement; scope: Scope }): void {
    card.scope.end();
    card.element.remove();
    this.#cards.delete(id);
  }

  #add(approval: Approval, elsewhere: string | null): void {
    const scope = new Scope();
    const left = el("span", { class: "left" });
    const tick = (): void => setText(left, `${Math.max(0, Math.ceil((approval.expiresAt - Date.now()) / 1000))} s left`);
    const button = (label: string, ok: boolean, look: string): HTMLElement => {
      const element = el("button", { type: "button", class: look }, label);
      scope.listen(element, "click", () => this.#answer(approval.id, ok));
      return element;
    };
    const element = el(
      "div", { class: "approval" },
      el("div", { class: "approval-head" }, el("strong", {}, elsewhere === null ? "Allow this?" : `Allow this in ${elsewhere}?`), left),
      el("ul", {}, ...approval.actions.map((action) => el("li", {}, el("code", {}, describe(action)), action.risk !== undefined && action.risk !== null && el("span", { class: "risk" }, icon("warning"), action.risk)))),
      el("div", { class: "row" }, button("Refuse", false, ""), button("Allow", true, "primary")),
    );
    scope.every(1000, tick);
    scope.after(Math.max(0, approval.expiresAt - Date.now()), () => this.#answer(approval.id, false));
    tick();
    this.#cards.set(approval.id, { element, scope });
    this.element.append(element);
  }
}

function nameOf(approval: Approval, shown: string | null, tabs: readonly Tab[]): string | null {
  return approval.uuid === shown ? null : (tabs.find((tab) => tab.uuid === approval.uuid)?.name ?? "another terminal");
}
