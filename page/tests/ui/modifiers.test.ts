import { describe, expect, test } from "vitest";
import { anyHeld, DOUBLE_TAP_MS, held, RELEASED, spend, tap } from "../../src/ui/keys/modifiers";

describe("sticky modifiers", () => {
  test("one tap holds for one key", () => {
    const once = tap(RELEASED, "ctrl", 0);
    expect(held(once)).toEqual({ ctrl: true, alt: false, shift: false });
    expect(anyHeld(spend(once))).toBe(false);
  });

  test("a double tap locks until the next tap", () => {
    const locked = tap(tap(RELEASED, "ctrl", 0), "ctrl", DOUBLE_TAP_MS);
    expect(locked.ctrl).toBe("locked");
    expect(spend(spend(locked)).ctrl).toBe("locked");
    expect(tap(locked, "ctrl", 10_000).ctrl).toBe("off");
  });

  test("a late second tap releases", () => {
    expect(tap(tap(RELEASED, "alt", 0), "alt", DOUBLE_TAP_MS + 1).alt).toBe("off");
  });

  test("taps on two modifiers hold both, and lock none", () => {
    const two = tap(tap(RELEASED, "ctrl", 0), "alt", 10);
    expect([two.ctrl, two.alt]).toEqual(["once", "once"]);
    expect(anyHeld(spend(two))).toBe(false);
  });

  test("a key between two taps makes no double tap", () => {
    const again = tap(spend(tap(RELEASED, "ctrl", 0)), "ctrl", 50);
    expect(again.ctrl).toBe("once");
  });

  test("a key releases the one and keeps the locked other", () => {
    const mixed = tap(tap(tap(RELEASED, "ctrl", 0), "ctrl", 10), "alt", 500);
    expect(spend(mixed)).toMatchObject({ ctrl: "locked", alt: "off" });
  });

  test("releasing what is not held does not change the state", () => {
    expect(spend(RELEASED)).toBe(RELEASED);
  });
});
