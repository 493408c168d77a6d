/** Listens to touches on the terminal and reports gestures. xterm handles the mouse. */

import type { Scope } from "../base/scope";
import { type Gesture, Gestures, LONG_PRESS_MS, type Point } from "./gestures";

export function watchTouches(area: HTMLElement, report: (gesture: Gesture) => void, scope: Scope): void {
  const gestures = new Gestures();
  let cancel = (): void => undefined;
  const reportAll = (made: readonly Gesture[]): void => made.forEach(report);
  const own = (event: TouchEvent): boolean => !(event.target instanceof Element && event.target.closest("button, a, .handle"));

  const active = { passive: false };
  scope.listen(area, "touchstart", (event) => {
    if (!own(event)) return;
    event.preventDefault(); // no emulated mouse, no magnifier, no menu
    cancel();
    reportAll(gestures.down(points(event), event.timeStamp));
    const due = event.timeStamp + LONG_PRESS_MS;
    cancel = scope.after(LONG_PRESS_MS, () => reportAll(gestures.tick(due)));
  }, active);
  scope.listen(area, "touchmove", (event) => {
    if (!own(event)) return;
    event.preventDefault();
    reportAll(gestures.move(points(event), event.timeStamp));
  }, active);
  scope.listen(area, "touchend", (event) => {
    if (!own(event)) return;
    event.preventDefault();
    cancel();
    reportAll(gestures.up(event.touches.length, event.timeStamp));
  }, active);
  scope.listen(area, "touchcancel", () => {
    cancel();
    reportAll(gestures.cancel());
  });
}

function points(event: TouchEvent): readonly Point[] {
  return Array.from(event.touches, (touch) => ({ x: touch.clientX, y: touch.clientY }));
}
