import { describe, expect, test } from "vitest";
import { ResizeDebounce, type Size, type Timers, usable } from "../../src/ui/screen/resize_debounce";

class Clock implements Timers {
  #waiting: (() => void) | null = null;
  set(action: () => void): unknown {
    this.#waiting = action;
    return action;
  }
  clear(timer: unknown): void {
    if (this.#waiting === timer) this.#waiting = null;
  }
  rest(): void {
    const action = this.#waiting;
    this.#waiting = null;
    action?.();
  }
}

function resize(measure: () => Size | null) {
  const clock = new Clock();
  const applied: Size[] = [];
  return { clock, applied, resize: new ResizeDebounce(measure, (size) => applied.push(size), clock) };
}

describe("sizes", () => {
  test("a layout that changes often is measured once, when it is stable", () => {
    let rows = 24;
    let measured = 0;
    const { clock, applied, resize: sizes } = resize(() => ((measured += 1), { cols: 80, rows }));
    for (rows = 23; rows > 12; rows -= 1) sizes.layoutChanged();
    clock.rest();
    expect(measured).toBe(1);
    expect(applied).toEqual([{ cols: 80, rows: 12 }]);
  });

  test("the same size is not sent twice, unless it was invalidated", () => {
    const { clock, applied, resize: sizes } = resize(() => ({ cols: 80, rows: 24 }));
    sizes.flush();
    sizes.layoutChanged();
    clock.rest();
    expect(applied).toHaveLength(1);
    sizes.invalidate();
    sizes.flush();
    expect(applied).toHaveLength(2);
  });

  test("a size that a terminal was created with is not sent again", () => {
    const { applied, resize: sizes } = resize(() => ({ cols: 80, rows: 24 }));
    sizes.markSent({ cols: 80, rows: 24 });
    sizes.flush();
    expect(applied).toEqual([]);
  });

  test("nothing is sent before there is a size, nor after the end", () => {
    let size: Size | null = null;
    const { clock, applied, resize: sizes } = resize(() => size);
    sizes.flush();
    size = { cols: 80, rows: 24 };
    sizes.layoutChanged();
    sizes.stop();
    clock.rest();
    expect(applied).toEqual([]);
  });

  test.each([[{ cols: 0, rows: 24 }], [{ cols: 80, rows: 0 }], [{ cols: Number.NaN, rows: 24 }], [{ cols: Infinity, rows: 24 }], [{ cols: -3, rows: 5 }], [null], [undefined]])("%j is no size", (size) => {
    expect(usable(size)).toBeNull();
  });

  test("sizes stay within the smallest and the largest", () => {
    expect(usable({ cols: 2, rows: 1 })).toEqual({ cols: 2, rows: 1 });
    expect(usable({ cols: 9999, rows: 9999 })).toEqual({ cols: 500, rows: 300 });
    expect(usable({ cols: 80.9, rows: 24.2 })).toEqual({ cols: 80, rows: 24 });
  });
});
