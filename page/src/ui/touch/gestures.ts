/**
 * Recognises gestures: tap, scroll (and fling), pinch, and a long press that may continue as a drag.
 *
 * Pure: touches and times come in, gestures are returned. Call `tick` when a press may have become a long one.
 */

import { Speed } from "./momentum";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type Gesture =
  | { readonly type: "tap"; readonly point: Point }
  | { readonly type: "scroll"; readonly distance: number; readonly point: Point }
  | { readonly type: "fling"; readonly speed: number; readonly point: Point }
  | { readonly type: "pinch"; readonly scale: number }
  | { readonly type: "pinch-end" }
  | { readonly type: "press"; readonly point: Point }
  | { readonly type: "drag"; readonly point: Point }
  | { readonly type: "drop"; readonly point: Point };

type GestureState = "idle" | "pressed" | "scrolling" | "pinching" | "dragging" | "spent";

export const LONG_PRESS_MS = 450;
export const SLOP = 9; // pixels; fingers are not steady

export class Gestures {
  #state: GestureState = "idle";
  #start: Point = { x: 0, y: 0 };
  #last: Point = { x: 0, y: 0 };
  #since = 0;
  #spread = 0;
  readonly #speed = new Speed();

  get state(): GestureState {
    return this.#state;
  }

  down(points: readonly Point[], now: number): Gesture[] {
    const first = points[0];
    if (first === undefined) return [];
    if (points.length === 2) return this.#beginPinch(points);
    if (points.length > 2 || this.#state !== "idle") return [];
    this.#state = "pressed";
    this.#start = this.#last = first;
    this.#since = now;
    this.#speed.clear();
    this.#speed.add(now, first.y);
    return [];
  }

  move(points: readonly Point[], now: number): Gesture[] {
    const point = points[0];
    if (point === undefined) return [];
    if (this.#state === "pinching") return this.#movePinch(points);
    if (this.#state === "dragging") return this.#moveTo(point, { type: "drag", point });
    if (this.#state === "pressed" && this.#steady(point)) return this.tick(now);
    if (this.#state !== "pressed" && this.#state !== "scrolling") return [];
    this.#speed.add(now, point.y);
    const distance = point.y - this.#last.y;
    this.#state = "scrolling";
    return this.#moveTo(point, { type: "scroll", distance, point });
  }

  /** `left`: the fingers that are still down. */
  up(left: number, now: number): Gesture[] {
    const state = this.#state;
    if (state === "pinching") {
      this.#state = left === 0 ? "idle" : "spent";
      return [{ type: "pinch-end" }];
    }
    if (left > 0) return [];
    this.#state = "idle";
    if (state === "pressed") return [{ type: "tap", point: this.#start }];
    if (state === "dragging") return [{ type: "drop", point: this.#last }];
    return state === "scrolling" ? [{ type: "fling", speed: this.#speed.at(now), point: this.#last }] : [];
  }

  cancel(): Gesture[] {
    const state = this.#state;
    this.#state = "idle";
    if (state === "pinching") return [{ type: "pinch-end" }];
    return state === "dragging" ? [{ type: "drop", point: this.#last }] : [];
  }

  tick(now: number): Gesture[] {
    if (this.#state !== "pressed" || now - this.#since < LONG_PRESS_MS) return [];
    this.#state = "dragging";
    return [{ type: "press", point: this.#start }];
  }

  #moveTo(point: Point, gesture: Gesture): Gesture[] {
    this.#last = point;
    return [gesture];
  }

  #steady(point: Point): boolean {
    return Math.hypot(point.x - this.#start.x, point.y - this.#start.y) <= SLOP;
  }

  #beginPinch(points: readonly Point[]): Gesture[] {
    const ended: Gesture[] = this.#state === "dragging" ? [{ type: "drop", point: this.#last }] : [];
    this.#state = "pinching";
    this.#spread = spread(points);
    return ended;
  }

  #movePinch(points: readonly Point[]): Gesture[] {
    if (points.length < 2 || this.#spread === 0) return [];
    return [{ type: "pinch", scale: spread(points) / this.#spread }];
  }
}

function spread(points: readonly Point[]): number {
  const [one, other] = points;
  return one === undefined || other === undefined ? 0 : Math.hypot(one.x - other.x, one.y - other.y);
}
