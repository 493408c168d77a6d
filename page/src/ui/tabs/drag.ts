/**
 * Reorders tabs by dragging: with a mouse immediately, with a finger after a long press (before that it scrolls the strip).
 * A long press without a movement opens the tab's menu.
 */

import { Scope } from "../base/scope";
import { place, placeAmong, sameOrder } from "./tab_order";

export interface DragActions {
  order(): readonly string[];
  reorder(order: readonly string[]): void;
  menu(uuid: string): void;
}

const REST_MS = 350;
const SLOP = 7;

export function watchDrag(strip: HTMLElement, actions: DragActions, scope: Scope): void {
  let drag: Drag | null = null;
  scope.listen(strip, "pointerdown", (event) => {
    const tab = event.target instanceof Element ? event.target.closest<HTMLElement>(".tab") : null;
    if (tab === null || event.button !== 0 || drag !== null) return;
    drag = new Drag(strip, tab, event, actions, () => (drag = null));
  });
  // The strip must not scroll while a tab is held.
  scope.listen(strip, "touchmove", (event) => void (drag?.holding && event.preventDefault()), { passive: false });
  scope.add(() => drag?.end());
}

class Drag {
  readonly #scope = new Scope();
  readonly #strip: HTMLElement;
  readonly #tab: HTMLElement;
  readonly #actions: DragActions;
  readonly #from: number;
  #moved = false;
  holding = false;

  constructor(strip: HTMLElement, tab: HTMLElement, event: PointerEvent, actions: DragActions, over: () => void) {
    this.#strip = strip;
    this.#tab = tab;
    this.#actions = actions;
    this.#from = event.clientX;
    this.#scope.add(over);
    this.#scope.listen(document, "pointermove", (moved) => this.#move(moved as PointerEvent, event.pointerId));
    this.#scope.listen(document, "pointerup", () => this.#drop());
    this.#scope.listen(document, "pointercancel", () => this.end());
    if (event.pointerType === "touch") this.#scope.after(REST_MS, () => this.#hold());
  }

  end(): void {
    this.#tab.classList.remove("held");
    this.#tab.style.transform = "";
    this.#scope.end();
    // The click that follows the drop must still see the class.
    setTimeout(() => this.#strip.classList.remove("dragging"));
  }

  #hold(): void {
    this.holding = true;
    this.#tab.classList.add("held");
    this.#strip.classList.add("dragging");
    navigator.vibrate?.(12);
  }

  #move(event: PointerEvent, pointer: number): void {
    if (event.pointerId !== pointer) return;
    const distance = event.clientX - this.#from;
    if (!this.holding && event.pointerType !== "touch" && Math.abs(distance) > SLOP) this.#hold();
    if (!this.holding) return;
    this.#moved ||= Math.abs(distance) > SLOP;
    if (this.#moved) this.#tab.style.transform = `translateX(${distance}px)`;
  }

  #drop(): void {
    const { holding } = this;
    const wanted = this.#order();
    this.end();
    if (!holding) return;
    swallowClick();
    const uuid = this.#tab.dataset["uuid"];
    if (!this.#moved && uuid !== undefined) this.#actions.menu(uuid);
    else if (!sameOrder(wanted, this.#actions.order())) this.#actions.reorder(wanted);
  }

  #order(): readonly string[] {
    const middle = (element: Element): number => element.getBoundingClientRect().left + element.clientWidth / 2;
    const others = [...this.#strip.querySelectorAll(".tab")].filter((tab) => tab !== this.#tab).map(middle);
    return place(this.#actions.order(), this.#tab.dataset["uuid"] ?? "", placeAmong(others, middle(this.#tab)));
  }
}

/** Ignore the click that a browser sends after a drag. */
function swallowClick(): void {
  const stop = (event: Event): void => {
    event.stopPropagation();
    event.preventDefault();
  };
  document.addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => document.removeEventListener("click", stop, { capture: true }), 50);
}
