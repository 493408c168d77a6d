/**
 * Turns finger movements into scrolling: of the scrollback, or, for programs that use the alternate screen or read the
 * mouse, into wheel events, which xterm turns into arrow keys or mouse reports.
 */

import type { Terminal } from "@xterm/xterm";
import { gridOf } from "../screen/cells";
import type { Point } from "./gestures";
import { Lines, Momentum } from "./momentum";

/** The most lines of one movement that a program gets, however fast the finger was. */
const MAX_LINES = 40;

export class Scrolling {
  readonly #momentum = new Momentum();
  readonly #lines = new Lines();
  #frame = 0;

  by(terminal: Terminal, distance: number, point: Point): void {
    const lines = this.#lines.take(distance, gridOf(terminal)?.height ?? 0);
    if (lines === 0) return;
    if (wantsWheel(terminal)) turnWheel(terminal, lines, point);
    else terminal.scrollLines(-lines);
  }

  fling(terminal: Terminal, speed: number, point: Point): void {
    this.stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.#momentum.start(speed, performance.now());
    this.#go(terminal, point);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#momentum.stop();
    this.#lines.clear();
  }

  #go(terminal: Terminal, point: Point): void {
    if (!this.#momentum.moving || !terminal.element?.isConnected) return;
    this.#frame = requestAnimationFrame((now) => {
      this.by(terminal, this.#momentum.step(now), point);
      this.#go(terminal, point);
    });
  }
}

function wantsWheel(terminal: Terminal): boolean {
  const mode = terminal.modes.mouseTrackingMode;
  return terminal.buffer.active.type === "alternate" || (mode !== "none" && mode !== "x10");
}

function turnWheel(terminal: Terminal, lines: number, point: Point): void {
  const target = terminal.element?.querySelector(".xterm-screen");
  const shape = { deltaY: lines > 0 ? -1 : 1, deltaMode: 1, clientX: point.x, clientY: point.y, bubbles: true, cancelable: true };
  for (let turn = 0; turn < Math.min(Math.abs(lines), MAX_LINES); turn += 1) target?.dispatchEvent(new WheelEvent("wheel", shape));
}

/** Turn a tap into a click, which focuses, opens addresses, and is reported to programs that read the mouse. */
export function click(terminal: Terminal, point: Point): void {
  const target = terminal.element?.querySelector(".xterm-screen");
  const shape = { clientX: point.x, clientY: point.y, bubbles: true, cancelable: true, detail: 1 };
  target?.dispatchEvent(new MouseEvent("mousemove", shape));
  target?.dispatchEvent(new MouseEvent("mousedown", { ...shape, buttons: 1 }));
  target?.dispatchEvent(new MouseEvent("mouseup", shape));
}
