/** The strip of tabs. Renders them, and reports what the user wants. */

import type { Tab } from "../../session/types";
import { el, setText } from "../base/dom";
import type { Scope } from "../base/scope";
import { watchDrag } from "./drag";
import { sameOrder } from "./tab_order";

export interface TabActions {
  show(uuid: string): void;
  menu(uuid: string): void;
  reorder(order: readonly string[]): void;
  step(uuid: string, by: number): void;
  close(uuid: string): void;
}

interface Chip {
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly title: HTMLElement;
}

export class TabStrip {
  readonly element = el("div", { class: "tabs", role: "tablist", "aria-label": "Terminals" });
  readonly #chips = new Map<string, Chip>(); // bounded by the tabs there are
  readonly #actions: TabActions;

  constructor(actions: TabActions, scope: Scope) {
    this.#actions = actions;
    watchDrag(this.element, { ...actions, order: () => [...this.#chips.keys()] }, scope);
    scope.listen(this.element, "click", (event) => this.#click(event));
    scope.listen(this.element, "auxclick", (event) => this.#auxClick(event as MouseEvent));
    scope.listen(this.element, "contextmenu", (event) => this.#contextMenu(event));
    scope.listen(this.element, "keydown", (event) => this.#key(event));
  }

  render(tabs: readonly Tab[], shown: string | null, titles: Readonly<Record<string, string>>): void {
    this.#keep(tabs.map((tab) => tab.uuid));
    for (const tab of tabs) this.#draw(tab, tab.uuid === shown, titles[tab.uuid] ?? "");
  }

  #keep(order: readonly string[]): void {
    const known = [...this.#chips.keys()];
    if (sameOrder(known, order)) return;
    const old = new Map(this.#chips); // bounded by the tabs there are
    this.#chips.clear();
    for (const uuid of order) this.#chips.set(uuid, old.get(uuid) ?? chip(uuid));
    this.element.replaceChildren(...[...this.#chips.values()].map((made) => made.button));
  }

  #draw(tab: Tab, shown: boolean, title: string): void {
    const made = this.#chips.get(tab.uuid);
    if (made === undefined) return;
    const { button } = made;
    const words = `${tab.name}\n${title}`;
    const changed = button.title !== words;
    setText(made.name, tab.name);
    setText(made.title, title);
    button.title = words;
    button.classList.toggle("unseen", tab.unseen && !shown);
    button.classList.toggle("exited", Boolean(tab.exit));
    button.setAttribute("aria-label", [tab.name, title, tab.exit ?? "", tab.unseen && !shown ? "new output" : ""].filter(Boolean).join(", "));
    const turned = (button.getAttribute("aria-selected") === "true") !== shown;
    button.setAttribute("aria-selected", String(shown));
    button.tabIndex = shown ? 0 : -1;
    if (shown && (turned || changed)) button.scrollIntoView({ inline: "nearest", block: "nearest" });
  }

  #click(event: Event): void {
    const button = buttonOf(event);
    const uuid = button?.dataset["uuid"];
    if (button === null || uuid === undefined) return;
    if (button.getAttribute("aria-selected") === "true") this.#actions.menu(uuid);
    else this.#actions.show(uuid);
  }

  #auxClick(event: MouseEvent): void {
    const uuid = buttonOf(event)?.dataset["uuid"];
    if (event.button === 1 && uuid !== undefined) this.#actions.close(uuid);
  }

  #contextMenu(event: Event): void {
    const uuid = buttonOf(event)?.dataset["uuid"];
    event.preventDefault();
    if (uuid !== undefined && !this.element.classList.contains("dragging")) this.#actions.menu(uuid);
  }

  #key(event: KeyboardEvent): void {
    const uuid = buttonOf(event)?.dataset["uuid"];
    if (uuid === undefined) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Delete") this.#actions.close(uuid);
    else if (by !== undefined && (event.altKey || event.shiftKey)) this.#actions.step(uuid, by);
    else if (by !== undefined) this.#focusBy(uuid, by);
    else return;
    event.preventDefault();
  }

  #focusBy(uuid: string, by: number): void {
    const order = [...this.#chips.keys()];
    const next = order[order.indexOf(uuid) + by];
    if (next === undefined) return;
    this.#actions.show(next);
    this.#chips.get(next)?.button.focus();
  }
}

function chip(uuid: string): Chip {
  const name = el("span", { class: "tab-name" });
  const title = el("span", { class: "tab-title" });
  const dot = el("span", { class: "tab-dot", "aria-hidden": "true" });
  const button = el("button", { class: "tab", type: "button", role: "tab", "aria-selected": "false", tabindex: -1, "aria-haspopup": "menu" }, dot, el("span", { class: "tab-words" }, name, title));
  button.dataset["uuid"] = uuid;
  return { button, name, title };
}

function buttonOf(event: Event): HTMLButtonElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLButtonElement>(".tab") : null;
}
