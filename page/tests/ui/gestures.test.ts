import { describe, expect, test } from "vitest";
import { type Gesture, Gestures, LONG_PRESS_MS, SLOP } from "../../src/ui/touch/gestures";
import { Lines, Momentum, Speed } from "../../src/ui/touch/momentum";

const at = (x: number, y: number) => ({ x, y });
const types = (gestures: readonly Gesture[]): string[] => gestures.map((gesture) => gesture.type);

describe("gestures", () => {
  test("down and up is a tap where it began", () => {
    const fingers = new Gestures();
    fingers.down([at(10, 20)], 0);
    expect(fingers.move([at(12, 21)], 30)).toEqual([]);
    expect(fingers.up(0, 80)).toEqual([{ type: "tap", point: at(10, 20) }]);
  });

  test("movement beyond the slop scrolls by what the finger moved", () => {
    const fingers = new Gestures();
    fingers.down([at(0, 100)], 0);
    const moved = [fingers.move([at(0, 100 + SLOP + 1)], 10), fingers.move([at(0, 140)], 20)].flat();
    expect(types(moved)).toEqual(["scroll", "scroll"]);
    expect(moved.reduce((sum, gesture) => sum + (gesture.type === "scroll" ? gesture.distance : 0), 0)).toBe(40);
  });

  test("a finger that is lifted while it moves flings, and one that paused does not", () => {
    const flung = (rest: number): number => {
      const fingers = new Gestures();
      fingers.down([at(0, 0)], 0);
      for (let step = 1; step <= 5; step += 1) fingers.move([at(0, step * 20)], step * 10);
      const [gesture] = fingers.up(0, 50 + rest);
      return gesture?.type === "fling" ? gesture.speed : Number.NaN;
    };
    expect(flung(5)).toBeCloseTo(2, 0);
    expect(flung(200)).toBe(0);
  });

  test("a long press is reported once, and may continue as a drag", () => {
    const fingers = new Gestures();
    fingers.down([at(5, 5)], 0);
    expect(fingers.tick(LONG_PRESS_MS - 1)).toEqual([]);
    expect(types(fingers.tick(LONG_PRESS_MS))).toEqual(["press"]);
    expect(fingers.tick(LONG_PRESS_MS + 1)).toEqual([]);
    expect(types(fingers.move([at(50, 50)], 600))).toEqual(["drag"]);
    expect(fingers.up(0, 700)).toEqual([{ type: "drop", point: at(50, 50) }]);
  });

  test("a scroll never becomes a long press", () => {
    const fingers = new Gestures();
    fingers.down([at(0, 0)], 0);
    fingers.move([at(0, 30)], 50);
    expect(fingers.tick(LONG_PRESS_MS * 2)).toEqual([]);
  });

  test("two fingers pinch by how far apart they are", () => {
    const fingers = new Gestures();
    fingers.down([at(0, 0)], 0);
    fingers.down([at(0, 0), at(100, 0)], 5);
    expect(fingers.move([at(0, 0), at(150, 0)], 10)).toEqual([{ type: "pinch", scale: 1.5 }]);
    expect(types(fingers.up(1, 20))).toEqual(["pinch-end"]);
    expect(fingers.move([at(0, 90)], 30)).toEqual([]); // the finger that stayed scrolls nothing
    expect(fingers.up(0, 40)).toEqual([]);
    expect(fingers.state).toBe("idle");
  });

  test("a cancelled touch ends what was begun", () => {
    const fingers = new Gestures();
    fingers.down([at(0, 0)], 0);
    fingers.tick(LONG_PRESS_MS);
    expect(types(fingers.cancel())).toEqual(["drop"]);
    expect(fingers.state).toBe("idle");
  });
});

describe("momentum", () => {
  test("continues, ever slower, and ends", () => {
    const momentum = new Momentum();
    momentum.start(1, 0);
    const steps: number[] = [];
    for (let now = 16; momentum.moving && now < 10_000; now += 16) steps.push(momentum.step(now));
    expect(momentum.moving).toBe(false);
    expect(steps.every((step, index) => index === 0 || step < (steps[index - 1] ?? 0))).toBe(true);
    expect(steps.reduce((sum, step) => sum + step, 0)).toBeGreaterThan(250);
  });

  test("goes as far with few frames as with many", () => {
    const far = (frame: number): number => {
      const momentum = new Momentum();
      momentum.start(2, 0);
      let sum = 0;
      for (let now = frame; now <= 960; now += frame) sum += momentum.step(now);
      return sum;
    };
    expect(far(8)).toBeCloseTo(far(120), 6);
  });

  test("does not start at a speed that is not visible", () => {
    const momentum = new Momentum();
    momentum.start(0.001, 0);
    expect(momentum.moving).toBe(false);
  });

  test("pixels become lines, and what is left over counts", () => {
    const lines = new Lines();
    expect([10, 10, -25, -10].map((distance) => lines.take(distance, 16))).toEqual([0, 1, -1, 0]);
    expect(lines.take(100, 0)).toBe(0);
  });

  test("the speed depends on recent positions only", () => {
    const speed = new Speed();
    speed.add(0, 0);
    speed.add(500, 10);
    speed.add(510, 30);
    expect(speed.at(511)).toBe(2);
  });
});
