import { describe, expect, test } from "vitest";
import { decodeKey, encodeCharacter, encodeKey, type Held, KEYS, NONE_HELD, withHeld } from "../../src/ui/keys/encoding";

const ctrl: Held = { ctrl: true, alt: false, shift: false };
const alt: Held = { ctrl: false, alt: true, shift: false };
const both: Held = { ctrl: true, alt: true, shift: false };

describe("keys", () => {
  test("arrows follow the application cursor mode", () => {
    expect(encodeKey("ArrowUp")).toBe("\u001b[A");
    expect(encodeKey("ArrowUp", NONE_HELD, true)).toBe("\u001bOA");
    expect(encodeKey("Home", NONE_HELD, true)).toBe("\u001bOH");
  });

  test("modifiers make a parameter, in both cursor modes", () => {
    expect(encodeKey("ArrowRight", ctrl, true)).toBe("\u001b[1;5C");
    expect(encodeKey("ArrowRight", both)).toBe("\u001b[1;7C");
    expect(encodeKey("PageUp", alt)).toBe("\u001b[5;3~");
    expect(encodeKey("F1", ctrl)).toBe("\u001b[1;5P");
    expect(encodeKey("F5", { ...ctrl, shift: true })).toBe("\u001b[15;6~");
  });

  test("plain keys with modifiers", () => {
    expect(encodeKey("Tab", { ...NONE_HELD, shift: true })).toBe("\u001b[Z");
    expect(encodeKey("Enter", alt)).toBe("\u001b\r");
    expect(encodeKey("Backspace", ctrl)).toBe("\b");
    expect(encodeKey("Space", ctrl)).toBe("\0");
    expect(encodeKey("Escape", alt)).toBe("\u001b\u001b");
  });

  test("every key is encoded, and decoded in both cursor modes", () => {
    for (const key of KEYS) expect(encodeKey(key)).not.toBe("");
    for (const key of KEYS.filter((name) => name !== "Space")) {
      expect(decodeKey(encodeKey(key))).toBe(key);
      expect(decodeKey(encodeKey(key, NONE_HELD, true))).toBe(key);
    }
  });
});

describe("characters", () => {
  test.each([["a", "\u0001"], ["C", "\u0003"], ["z", "\u001a"], [" ", "\0"], ["[", "\u001b"], ["\\", "\u001c"], ["]", "\u001d"], ["^", "\u001e"], ["/", "\u001f"], ["?", "\u007f"]])("Ctrl with %s", (character, code) => {
    expect(encodeCharacter(character, ctrl)).toBe(code);
  });

  test("Ctrl with a character without a control code changes nothing", () => {
    expect(encodeCharacter("ä", ctrl)).toBe("ä");
    expect(encodeCharacter("漢", ctrl)).toBe("漢");
  });

  test("Alt sends Escape first", () => {
    expect(encodeCharacter("b", alt)).toBe("\u001bb");
    expect(encodeCharacter("c", both)).toBe("\u001b\u0003");
    expect(encodeCharacter("🙂", alt)).toBe("\u001b🙂");
  });
});

describe("typed data with modifiers", () => {
  test("a letter and a key are combined", () => {
    expect(withHeld("c", ctrl, false)).toBe("\u0003");
    expect(withHeld("\u001bOC", ctrl, true)).toBe("\u001b[1;5C");
    expect(withHeld("\r", alt, false)).toBe("\u001b\r");
  });

  test("words, mouse reports and pastes are not changed", () => {
    for (const data of ["hello", "\u001b[<0;1;1M", "\u001b[200~x\u001b[201~", "\u001b[I", ""]) expect(withHeld(data, ctrl, false)).toBeNull();
  });
});
