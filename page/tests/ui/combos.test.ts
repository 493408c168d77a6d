import { describe, expect, test } from "vitest";
import { DEFAULT_COMBOS, encodeCombo, labelFor, MAX_COMBOS, MAX_LABEL, MAX_SEQUENCE, parseCombo, readCombos } from "../../src/ui/keys/combos";

function typed(sequence: string, applicationCursor = false): string {
  const parsed = parseCombo(sequence);
  if ("problem" in parsed) throw new Error(parsed.problem);
  return encodeCombo(parsed.steps, applicationCursor);
}

describe("key combinations", () => {
  test.each([
    ["git status<Enter>", "git status\r"], ["<Ctrl+B>c", "\u0002c"], ["<ctrl-b>c", "\u0002c"], ["<Esc>:wq<Enter>", "\u001b:wq\r"], ["<Alt+.>", "\u001b."],
    ["<C-x><C-s>", "\u0018\u0013"], ["<Shift+Tab>", "\u001b[Z"], ["<Ctrl+Left>", "\u001b[1;5D"], ["<F10>", "\u001b[21~"], ["a << b", "a < b"], ["x > y", "x > y"],
    ["<Ctrl+->", "\u001f"], ["<Ctrl+Alt+c>", "\u001b\u0003"], ["漢字<Return>", "漢字\r"],
  ])("%s", (sequence, data) => expect(typed(sequence)).toBe(data));

  test("arrows follow the mode in which the program is", () => {
    expect(typed("<Up><Enter>", true)).toBe("\u001bOA\r");
  });

  test.each(["", "<foo>", "a < b", "<>", "<Ctrl+>", "<x>", "<Ctrl+ab>"])("%j is refused with a reason", (sequence) => {
    expect(parseCombo(sequence)).toHaveProperty("problem");
  });

  test("the length is bounded", () => {
    expect(parseCombo("x".repeat(MAX_SEQUENCE))).toHaveProperty("steps");
    expect(parseCombo("x".repeat(MAX_SEQUENCE + 1))).toHaveProperty("problem");
  });
});

describe("stored combinations", () => {
  const combo = (id: string) => ({ id, label: id, sequence: "<Enter>" });

  test("invalid ones are left out", () => {
    expect(readCombos([combo("a"), { id: "b" }, null, 7, { ...combo("c"), sequence: "<nope>" }])).toEqual([combo("a")]);
  });

  test("their number is bounded", () => {
    const many = Array.from({ length: MAX_COMBOS + 1 }, (_, index) => combo(String(index)));
    expect(readCombos(many.slice(0, MAX_COMBOS))).toHaveLength(MAX_COMBOS);
    expect(readCombos(many)).toHaveLength(MAX_COMBOS);
  });

  test("without stored ones the defaults are used, and an empty list stays empty", () => {
    expect(readCombos(null)).toBe(DEFAULT_COMBOS);
    expect(readCombos([])).toEqual([]);
  });

  test("labels are cut between characters, not within surrogate pairs", () => {
    expect(Array.from(labelFor("🙂".repeat(30)))).toHaveLength(MAX_LABEL);
  });
});
