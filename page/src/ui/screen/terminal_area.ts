/** The area of the shown terminal: touch gestures, the button that scrolls to the bottom, skipped output, and the bell. */

import { el, setText } from "../base/dom";
import { icon } from "../base/icons";
import { bytes } from "../base/quantities";
import type { Scope } from "../base/scope";
import type { AppState } from "../state";
import type { Gesture } from "../touch/gestures";
import { click, Scrolling } from "../touch/scrolling";
import { watchTouches } from "../touch/touch_layer";
import type { Screen } from "./screen";
import { Selection } from "./selection";

export interface TerminalAreaActions {
  screen(): Screen | null;
  copy(text: string): void;
  paste(): void;
  /** Pinched: multiply the font size by `scale`. */
  zoom(scale: number): void;
  /** The pinch ended. */
  zoomed(): void;
}

const FLASH_MS = 180;
const BELL_INTERVAL_MS = 800;

export class TerminalArea {
  readonly element = el("section", { class: "terminal-area", "aria-label": "Terminal" });
  readonly area = el("div", { class: "screens" });
  readonly selection: Selection;
  readonly #scrolling = new Scrolling();
  readonly #down = el("button", { class: "jump", type: "button", "aria-label": "Scroll to the bottom", hidden: true }, icon("bottom"));
  readonly #mark = el("div", { class: "mark-skipped", hidden: true });
  readonly #zoom = el("div", { class: "zoom", hidden: true, "aria-hidden": "true" });
  readonly #actions: TerminalAreaActions;
  readonly #scope: Scope;
  #rangAt = 0;

  constructor(actions: TerminalAreaActions, scope: Scope) {
    this.#actions = actions;
    this.#scope = scope;
    this.selection = new Selection({ terminal: () => actions.screen()?.terminal ?? null, copy: actions.copy, paste: actions.paste }, scope);
    this.element.append(this.area, this.selection.element, this.#mark, this.#down, this.#zoom);
    watchTouches(this.element, (gesture) => this.#gesture(gesture), scope);
    scope.listen(this.#down, "pointerdown", (event) => event.preventDefault());
    scope.listen(this.#down, "mousedown", (event) => event.preventDefault());
    scope.listen(this.#down, "click", () => this.#toBottom());
    scope.add(() => this.#scrolling.stop());
  }

  render(state: AppState): void {
    this.element.hidden = state.shown === null;
    this.#down.hidden = state.atBottom;
    this.#mark.hidden = state.skipped === 0;
    setText(this.#mark, `${bytes(state.skipped)} of output not shown`);
  }

  /** Ring the bell: flash, and vibrate if `vibrate`. A bell soon after another one is ignored. */
  ring(vibrate: boolean): void {
    const now = performance.now();
    if (now - this.#rangAt < BELL_INTERVAL_MS) return;
    this.#rangAt = now;
    this.element.classList.add("rings");
    this.#scope.after(FLASH_MS, () => this.element.classList.remove("rings"));
    if (vibrate) navigator.vibrate?.(40);
  }

  rest(): void {
    this.#scrolling.stop();
    this.selection.clear();
  }

  #toBottom(): void {
    this.#scrolling.stop();
    this.#actions.screen()?.terminal.scrollToBottom();
  }

  #gesture(gesture: Gesture): void {
    const screen = this.#actions.screen();
    if (screen === null) return;
    const { terminal } = screen;
    switch (gesture.type) {
      case "tap":
        return this.#tap(screen, gesture.point);
      case "scroll":
        return this.#scrolling.by(terminal, gesture.distance, gesture.point);
      case "fling":
        return this.#scrolling.fling(terminal, gesture.speed, gesture.point);
      case "pinch":
        return this.#actions.zoom(gesture.scale);
      case "pinch-end":
        return this.#actions.zoomed();
      case "press":
        return this.selection.press(gesture.point);
      case "drag":
        return this.selection.drag(gesture.point);
      case "drop":
        return this.selection.drop();
    }
  }

  #tap(screen: Screen, point: { x: number; y: number }): void {
    this.#scrolling.stop();
    const selecting = screen.terminal.hasSelection();
    this.selection.clear();
    if (!selecting) click(screen.terminal, point);
  }

  showZoom(size: number | null): void {
    this.#zoom.hidden = size === null;
    if (size !== null) setText(this.#zoom, `${size} px`);
  }
}
