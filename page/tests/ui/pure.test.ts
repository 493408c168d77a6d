import { describe, expect, test } from "vitest";
import type { AiStep } from "../../src/session/types";
import { applyEvent, describe as describeAction, MAX_APPROVALS, MAX_ENTRIES, MAX_TEXT, NO_ASSISTANT, keepTerminals, removeApproval } from "../../src/ui/assistant/conversations";
import { DEFAULTS, readPreferences, toSettings, withSettings } from "../../src/ui/base/preferences";
import { amount, bytes, duration } from "../../src/ui/base/quantities";
import { parseOsc52 } from "../../src/ui/screen/clipboard";
import { safeUrl } from "../../src/ui/screen/urls";
import { ReplayGate } from "../../src/ui/screen/replay";
import { shortcutOf } from "../../src/ui/shortcuts";
import { plainLine } from "../../src/protocol/untrusted_text";
import { neighbour, place, placeAmong, step } from "../../src/ui/tabs/tab_order";

describe("order of tabs", () => {
  test("a tab moves to its index, within the bounds of the list", () => {
    expect(place(["a", "b", "c"], "a", 1)).toEqual(["b", "a", "c"]);
    expect(place(["a", "b", "c"], "a", 99)).toEqual(["b", "c", "a"]);
    expect(step(["a", "b", "c"], "c", -1)).toEqual(["a", "c", "b"]);
    expect(place(["a"], "x", 0)).toEqual(["a"]);
    expect(placeAmong([10, 30, 50], 40)).toBe(2);
  });

  test("after the last tab is closed the one before it is shown", () => {
    expect([neighbour(["a", "b"], "a"), neighbour(["a", "b"], "b"), neighbour(["a"], "a"), neighbour(["a"], "x")]).toEqual(["b", "a", null, "a"]);
  });
});

describe("addresses", () => {
  test.each(["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "no address", `https://x/${"a".repeat(5000)}`, "intent://x", "blob:https://x"])("%s is not opened", (address) => {
    expect(safeUrl(address)).toBeNull();
  });

  test("show their host, and signs of deception", () => {
    expect(safeUrl("https://bank.example@evil.example/")).toMatchObject({ target: "evil.example", warning: expect.stringContaining("user name") });
    expect(safeUrl("https://аpple.com/")).toMatchObject({ warning: expect.stringContaining("look like others") });
    expect(safeUrl("mailto:me@example.org")).toMatchObject({ target: "me@example.org", warning: null });
  });
});

describe("OSC 52", () => {
  test("takes text, and no queries or invalid data", () => {
    expect(parseOsc52("c;aGFsbG8g5ryi")).toBe("hallo 漢");
    for (const payload of ["c;?", "c;", "nothing", "c;***", "c;/w=="]) expect(parseOsc52(payload)).toBeNull();
    expect(parseOsc52(`c;${"A".repeat(200_001)}`)).toBeNull();
  });
});

describe("answers while a screen is replayed", () => {
  test("are blocked, while typed text is sent", () => {
    const activity = { active: false };
    const gate = new ReplayGate(activity);
    expect(gate.allows("\u001b[?1;2c")).toBe(true);
    gate.enter();
    expect(gate.allows("\u001b[?1;2c")).toBe(false);
    activity.active = true;
    expect(gate.allows("a")).toBe(true);
    expect(gate.allows("\u001b[A")).toBe(true);
    for (const reply of ["\u001b[?1;2c", "\u001b[3;1R", "\u001b[0n", "\u001b[?25;1$y", "\u001b]10;rgb:0/0/0\u001b\\", "\u001bP1$r0m\u001b\\", "\u001b[I"]) expect(gate.allows(reply)).toBe(false);
    gate.leave();
    expect(gate.allows("\u001b[0n")).toBe(true);
  });
});

describe("the assistant's conversation", () => {
  const message = (text: string) => ({ type: "message", uuid: "t", conversation: 1, text }) as const;
  const approval = (id: string, uuid = "t") => ({ type: "approval", uuid, conversation: 1, id, actions: [], seconds: 5 }) as const;

  test("is bounded, and counts dropped lines", () => {
    let state = NO_ASSISTANT;
    for (let line = 0; line < MAX_ENTRIES; line += 1) state = applyEvent(state, message(String(line)), 0);
    expect(state.conversations["t"]).toMatchObject({ dropped: 0 });
    state = applyEvent(state, message("one more"), 0);
    expect(state.conversations["t"]?.entries).toHaveLength(MAX_ENTRIES);
    expect(state.conversations["t"]?.dropped).toBe(1);
  });

  test("long texts and many approvals are bounded", () => {
    expect(applyEvent(NO_ASSISTANT, message("x".repeat(MAX_TEXT + 5)), 0).conversations["t"]?.entries[0]?.text).toHaveLength(MAX_TEXT + 1);
    let state = NO_ASSISTANT;
    for (let id = 0; id <= MAX_APPROVALS; id += 1) state = applyEvent(state, approval(String(id)), 0);
    expect(state.approvals).toHaveLength(MAX_APPROVALS);
  });

  test("an approval is removed when it is answered, expires, or its conversation ends", () => {
    const asked = applyEvent(applyEvent(NO_ASSISTANT, approval("1"), 0), approval("2"), 0);
    expect(removeApproval(asked, "1", 0).approvals.map((open) => open.id)).toEqual(["2"]);
    expect(removeApproval(asked, "x", 6000).approvals).toEqual([]);
    expect(applyEvent(asked, { type: "finished", uuid: "t", conversation: 1, turns: 1, tokens: 2, outcome: "done" }, 0).approvals).toEqual([]);
  });

  test("a closed terminal takes its conversation and approvals with it", () => {
    const state = applyEvent(applyEvent(NO_ASSISTANT, message("x"), 0), approval("1"), 0);
    expect(keepTerminals(state, ["other"])).toEqual(NO_ASSISTANT);
    expect(keepTerminals(state, ["t"])).toBe(state);
  });

  const step = (text: string) => ({ type: "ai:action", payload: { uuid: "t", conversation: 1, turn: 1, action: { type: "keystroke", text } } });
  const history = (running: boolean, ...events: { type: string; payload: Record<string, unknown> }[]) => ({ type: "history", uuid: "t", conversation: 1, running, prompt: "do it", events, dropped: 0 }) as const;
  const lines = (state: typeof NO_ASSISTANT) => state.conversations["t"]?.entries.map((entry) => entry.text);

  test("a history fills an empty page", () => {
    const state = applyEvent(applyEvent(NO_ASSISTANT, { type: "conversations", running: ["t"] }, 0), history(true, step("ls"), { type: "ai:message", payload: { uuid: "t", text: "hello" } }), 0);
    expect(lines(state)).toEqual(["do it", "Types ls", "hello"]);
    expect(state.conversations["t"]?.running).toBe(true);
  });

  test("a history replaces the page's copy of a conversation, and no earlier one", () => {
    let state = applyEvent(NO_ASSISTANT, { type: "started", uuid: "t", conversation: 0, prompt: "before" }, 0);
    state = applyEvent(state, { type: "started", uuid: "t", conversation: 1, prompt: "do it" }, 0);
    state = applyEvent(state, message("hello"), 0);
    const again = applyEvent(state, history(false, { type: "ai:message", payload: { uuid: "t", text: "hello" } }, { type: "ai:error", payload: { uuid: "t", error: "it broke" } }), 0);
    expect(lines(again)).toEqual(["before", "do it", "hello", "it broke"]);
    expect(again.conversations["t"]?.running).toBe(false);
  });

  test("a conversation that the machine no longer lists has ended", () => {
    const state = applyEvent(applyEvent(NO_ASSISTANT, { type: "started", uuid: "t", conversation: 1, prompt: "do it" }, 0), approval("1"), 0);
    const lost = applyEvent(state, { type: "conversations", running: [] }, 0);
    expect(lost.conversations["t"]?.running).toBe(false);
    expect(lines(lost)?.[1]).toContain("agent restarted");
    expect(lost.approvals).toEqual([]);
  });

  test("an approval that is answered elsewhere is removed", () => {
    expect(applyEvent(applyEvent(NO_ASSISTANT, approval("1"), 0), { type: "answered", uuid: "t", conversation: 1, id: "1", ok: true }, 0).approvals).toEqual([]);
  });

  test("an Enter shows the command that it runs", () => {
    expect(describeAction({ type: "keystroke", key: "Enter", line: "rm -rf build" })).toBe("Presses Enter, which runs rm -rf build");
  });

  test("hidden characters of an action are visible", () => {
    expect(describeAction({ type: "keystroke", text: "ls \u202e\u200bx\n" })).toBe("Types ls \\u{202e}\\u{200b}x\n");
    expect(describeAction({ type: "keystroke", key: "Enter", line: "a\u00a0b\u3164\ufe0f\u2800 c" })).toBe("Presses Enter, which runs a\\u{a0}b\\u{3164}\\u{fe0f}\\u{2800} c");
  });

  test("actions in words", () => {
    const actions: AiStep[] = [{ type: "keystroke", text: "ls" }, { type: "keystroke", key: "Enter" }, { type: "delay", ms: 1500 }, { type: "request_screen" }];
    expect(actions.map(describeAction)).toEqual(["Types ls", "Presses Enter", "Waits 1.5 s", "Reads the screen"]);
  });
});

describe("preferences", () => {
  test("invalid values become the defaults, field by field", () => {
    expect(readPreferences("rubbish")).toEqual(DEFAULTS);
    expect(readPreferences({ fontSize: 900, scheme: "pink", palette: 3, screenReader: "yes" })).toEqual({ ...DEFAULTS, fontSize: 28 });
  });

  test("what goes to the relay comes back the same; other apps' themes change nothing", () => {
    const chosen = readPreferences({ ...DEFAULTS, palette: "nord", fontSize: 17, scheme: "light" });
    expect(withSettings(DEFAULTS, toSettings(chosen))).toEqual(chosen);
    expect(withSettings(chosen, { theme: "dracula" })).toEqual(chosen);
  });
});

describe("numbers and names", () => {
  test("as people read them", () => {
    expect([bytes(0), bytes(999), bytes(1_048_576), bytes(61_300_000)]).toEqual(["0 B", "999 B", "1.0 MB", "61 MB"]);
    expect([duration(5), duration(65), duration(3700), duration(284_031)]).toEqual(["5 s", "1 min", "1 h 1 min", "3 d 6 h"]);
    expect([amount(5, "phones"), amount(20_000, "messages"), amount(2000, "bytes")]).toEqual(["5", "20k", "2.0 KB"]);
  });

  test("titles are one plain line", () => {
    expect(plainLine("vim\u0007 \u202egnp.exe\n", 20)).toBe("vim gnp.exe");
    expect(plainLine("x".repeat(30), 10)).toBe(`${"x".repeat(9)}…`);
  });
});

describe("shortcuts", () => {
  const key = (name: string, held: object) => ({ key: name, ctrlKey: false, shiftKey: false, metaKey: false, altKey: false, ...held });
  test("need Shift: others belong to programs", () => {
    expect(shortcutOf(key("C", { ctrlKey: true, shiftKey: true }))).toBe("copy");
    expect(shortcutOf(key("V", { ctrlKey: true, shiftKey: true }))).toBe("paste");
    expect(shortcutOf(key("Home", { shiftKey: true }))).toBe("top");
    expect(shortcutOf(key("End", { shiftKey: true }))).toBe("bottom");
    expect(shortcutOf(key("Home", {}))).toBeNull();
    for (const own of [key("c", { ctrlKey: true }), key("v", { ctrlKey: true }), key("c", { metaKey: true }), key("c", {})]) expect(shortcutOf(own)).toBeNull();
  });
});
