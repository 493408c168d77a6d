/**
 * Makes a button act like a key: it acts on touch, may repeat while it is held, and never takes the focus, so that the
 * soft keyboard stays open.
 *
 * In a row that scrolls, a touch may start a scroll, so the button acts when the finger is lifted.
 */

import type { Scope } from "../base/scope";
import { Repeat } from "./repeat";

export interface Press {
  act(): void;
  /** The action of a long press. Keys that repeat have none. */
  long?(): void;
  readonly repeats: boolean;
}

const LONG_MS = 480;

export function watchPress(button: HTMLElement, press: Press, scope: Scope): void {
  const repeat = new Repeat();
  let cancel = (): void => undefined;
  let done = false;
  const stop = (): void => {
    repeat.stop();
    cancel();
    button.classList.remove("pressed");
  };
  const begin = (): void => {
    done = true;
    if (press.repeats) repeat.start(() => press.act());
    else press.act();
  };
  const long = (): void => {
    done = true;
    stop();
    press.long?.();
  };
  scope.listen(button, "pointerdown", (event) => {
    event.preventDefault();
    if (event.button !== 0) return;
    done = false;
    button.classList.add("pressed");
    if (press.long) cancel = scope.after(LONG_MS, long);
    else if (!inScroller(button)) begin();
    else if (press.repeats) cancel = scope.after(LONG_MS, begin);
  });
  scope.listen(button, "mousedown", (event) => event.preventDefault());
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) scope.listen(button, type, stop);
  scope.listen(button, "contextmenu", (event) => event.preventDefault());
  // Keyboards and screen readers click without pointer events.
  scope.listen(button, "click", () => {
    if (!done) press.act();
    done = false;
  });
  scope.add(stop);
}

function inScroller(button: HTMLElement): boolean {
  const row = button.closest<HTMLElement>("[data-scrolls]");
  return row !== null && row.scrollWidth > row.clientWidth + 1;
}
