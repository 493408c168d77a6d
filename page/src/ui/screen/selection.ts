/**
 * Text selection by touch: a long press selects a word, dragging extends it, two handles adjust it, and a bar offers
 * actions. Owns the handles and the bar.
 */

import type { Terminal } from "@xterm/xterm";
import { el } from "../base/dom";
import { icon, type IconName } from "../base/icons";
import type { Scope } from "../base/scope";
import type { Point } from "../touch/gestures";
import { between, type Cell, cellAt, cellCount, extended, gridOf, type Range, wordAt } from "./cells";

export interface SelectionActions {
  terminal(): Terminal | null;
  copy(text: string): void;
  paste(): void;
}

/** Handles hang below their cells, since a finger hides what it points at. */
const HANDLE_DROP = 22;
const EDGE = 28;

export class Selection {
  readonly element = el("div", { class: "selection", hidden: true });
  readonly #bar: HTMLElement;
  readonly #handles = { first: handle("Start of the selection"), last: handle("End of the selection") };
  readonly #actions: SelectionActions;
  #anchor: Range | null = null;
  #dragging = false;

  constructor(actions: SelectionActions, scope: Scope) {
    this.#actions = actions;
    this.#bar = el(
      "div", { class: "selection-bar", role: "toolbar", "aria-label": "Selection" },
      this.#button("copy", "Copy", scope, () => this.#copy()),
      this.#button("paste", "Paste", scope, () => this.#then(() => actions.paste())),
      this.#button("check", "All", scope, () => this.#all()),
    );
    this.element.append(this.#handles.first, this.#handles.last, this.#bar);
    this.#watchHandle(this.#handles.first, "first", scope);
    this.#watchHandle(this.#handles.last, "last", scope);
  }

  /** A long press. */
  press(point: Point): void {
    const terminal = this.#actions.terminal();
    const cell = terminal && cellAt(terminal, point.x, point.y);
    if (!terminal || !cell) return;
    navigator.vibrate?.(12);
    this.#anchor = wordAt(terminal.buffer.active, cell, terminal.cols);
    this.#dragging = true;
    select(terminal, this.#anchor);
    this.place();
  }

  drag(point: Point): void {
    const terminal = this.#actions.terminal();
    const cell = terminal && this.#reach(terminal, point);
    if (!terminal || !cell || this.#anchor === null) return;
    select(terminal, extended(this.#anchor, cell));
    this.place();
  }

  drop(): void {
    this.#dragging = false;
    this.place();
  }

  /** Place handles and bar at the selection, and hide them when there is none. */
  place(): void {
    const terminal = this.#actions.terminal();
    const range = this.#anchor && rangeOf(terminal);
    const grid = range && terminal && gridOf(terminal); // forces a layout: avoided while there is no selection
    this.element.hidden = !grid;
    if (!range && !this.#dragging) this.#anchor = null;
    if (!terminal || !range || !grid) return;
    const area = this.element.parentElement?.getBoundingClientRect() ?? { left: 0, top: 0, height: 0, width: 0 };
    const at = (cell: Cell, after: number): { x: number; y: number; visible: boolean } => {
      const row = cell.line - terminal.buffer.active.viewportY;
      const x = grid.left - area.left + (cell.col + after) * grid.width;
      return { x, y: grid.top - area.top + (row + 1) * grid.height, visible: row >= 0 && row < terminal.rows };
    };
    const first = at(range.first, 0);
    const last = at(range.last, 1);
    put(this.#handles.first, first.x, first.y, first.visible);
    put(this.#handles.last, last.x, last.y, last.visible);
    this.#bar.hidden = this.#dragging;
    const above = first.y - grid.height - 60;
    const below = last.y + HANDLE_DROP + 22;
    const y = above > 4 ? above : below + 52 < area.height ? below : 4;
    this.#bar.style.transform = `translate(-50%, ${Math.max(4, y)}px)`;
  }

  clear(): void {
    this.#anchor = null;
    this.#actions.terminal()?.clearSelection();
    this.place();
  }

  #reach(terminal: Terminal, point: Point): Cell | null {
    const area = this.element.parentElement?.getBoundingClientRect();
    if (area !== undefined && point.y < area.top + EDGE) terminal.scrollLines(-1);
    if (area !== undefined && point.y > area.bottom - EDGE) terminal.scrollLines(1);
    return cellAt(terminal, point.x, point.y);
  }

  #watchHandle(element: HTMLElement, end: "first" | "last", scope: Scope): void {
    let other: Cell | null = null;
    scope.listen(element, "pointerdown", (event) => {
      const range = rangeOf(this.#actions.terminal());
      event.preventDefault();
      if (range === null) return;
      other = end === "first" ? range.last : range.first;
      this.#dragging = true;
      element.setPointerCapture(event.pointerId);
    });
    scope.listen(element, "pointermove", (event) => {
      const terminal = this.#actions.terminal();
      if (other === null || !terminal) return;
      const cell = this.#reach(terminal, { x: event.clientX, y: event.clientY - HANDLE_DROP });
      if (cell !== null) select(terminal, between(other, cell));
      this.place();
    });
    for (const type of ["pointerup", "pointercancel"]) {
      scope.listen(element, type, () => {
        other = null;
        this.drop();
      });
    }
  }

  #button(picture: IconName, label: string, scope: Scope, act: () => void): HTMLElement {
    const button = el("button", { type: "button" }, icon(picture), label);
    scope.listen(button, "pointerdown", (event) => event.preventDefault());
    scope.listen(button, "mousedown", (event) => event.preventDefault());
    scope.listen(button, "click", act);
    return button;
  }

  #copy(): void {
    const text = this.#actions.terminal()?.getSelection() ?? "";
    this.#then(() => this.#actions.copy(text));
  }

  #then(act: () => void): void {
    this.clear();
    act();
  }

  #all(): void {
    this.#actions.terminal()?.selectAll();
    this.place();
  }
}

function handle(label: string): HTMLElement {
  return el("div", { class: "handle", role: "button", "aria-label": label });
}

function put(element: HTMLElement, x: number, y: number, visible: boolean): void {
  element.hidden = !visible;
  element.style.transform = `translate(${x}px, ${y}px)`;
}

function select(terminal: Terminal, range: Range): void {
  terminal.select(range.first.col, range.first.line, cellCount(range, terminal.cols));
}

function rangeOf(terminal: Terminal | null): Range | null {
  const position = terminal?.getSelectionPosition();
  if (!terminal || !position || !terminal.hasSelection()) return null;
  const { start, end } = position;
  const last = end.x > 0 ? { col: end.x - 1, line: end.y } : { col: terminal.cols - 1, line: end.y - 1 };
  return { first: { col: start.x, line: start.y }, last };
}
