/**
 * A button that acts like a key: at once when it is touched, again and again while held where it may, and without ever
 * taking the focus, so that the soft keyboard stays.
 *
 * In a row that scrolls, a touch may begin a scroll: there it acts when the finger leaves.
 */

import type { Scope } from "../base/scope";
import { Repeat } from "./repeat";

export interface Press {
  act(): void;
  /** What a long press does; keys that repeat have none. */
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
  // Also the way of keyboards and screen readers, which send no pointer events.
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
