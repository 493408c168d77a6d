import { describe, expect, test } from "vitest";
import { bracketed, difference, keystrokes, pasteable } from "../../src/ui/input/difference";

const typed = (before: string, after: string): string => keystrokes(difference(before, after));

describe("the change of a field, as keys", () => {
  test.each([
    ["", "a", "a"], ["he", "hel", "l"], ["hel", "he", "\u007f"], ["teh ", "the ", "\u007f\u007f\u007fhe "], ["x", "x\n", "\r"], ["", "漢字", "漢字"], ["nihao", "你好", "\u007f".repeat(5) + "你好"],
    ["same", "same", ""], ["🙂", "", "\u007f"], ["a🙂", "a🙃", "\u007f🙃"], ["hello world", "", "\u007f".repeat(11)],
  ])("%j to %j", (before, after, keys) => expect(typed(before, after)).toBe(keys));

  test("the keys, typed on a line, produce the field's text", () => {
    const steps = ["", "t", "te", "teh", "the ", "the q", "the 🙂", "the", "", "漢字"];
    let line: string[] = [];
    for (let index = 1; index < steps.length; index += 1) {
      for (const key of typed(steps[index - 1] ?? "", steps[index] ?? "")) line = key === "\u007f" ? line.slice(0, -1) : [...line, key];
      expect(line.join("")).toBe(steps[index]);
    }
  });
});

describe("pastes", () => {
  test("can't end themselves or move the cursor", () => {
    expect(pasteable("one\u001b[201~two\u0007\u0000\u009b3")).toBe("one[201~two3");
    expect(bracketed(pasteable("a\nb"), true)).toBe("\u001b[200~a\rb\u001b[201~");
  });

  test("keep tabs, lines and letters of every script", () => {
    expect(pasteable("a\tb\r\nc\nd 漢🙂é")).toBe("a\tb\rc\rd 漢🙂é");
    expect(bracketed("x", false)).toBe("x");
  });
});
