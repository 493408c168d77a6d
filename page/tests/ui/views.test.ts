// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Connection, Tab } from "../../src/session/types";
import { Scope } from "../../src/ui/base/scope";
import { Store } from "../../src/ui/base/store";
import { DEFAULTS } from "../../src/ui/base/preferences";
import { takeFragment } from "../../src/ui/entry";
import { KeyBar, type KeyActions } from "../../src/ui/keys/key_bar";
import { REPEAT_DELAY_MS, REPEAT_EVERY_MS } from "../../src/ui/keys/repeat";
import { Notices } from "../../src/ui/notices/notices";
import type { Screen } from "../../src/ui/screen/screen";
import { MAX_SCREENS, ScreenCache } from "../../src/ui/screen/screen_cache";
import { ask } from "../../src/ui/sheets/sheet";
import { firstState } from "../../src/ui/state";
import { bannerText, phraseFor, shortState } from "../../src/ui/status/phrases";
import { Welcome } from "../../src/ui/status/welcome";
import { TabStrip } from "../../src/ui/tabs/tab_strip";

const READY: Connection = { stage: "ready", path: "relay", latencyMs: 48, waitingFor: null, problem: null, machine: "workshop" };
const state = firstState(READY, [], DEFAULTS, "dark");
const tab = (uuid: string, unseen = false): Tab => ({ uuid, name: `Tab ${uuid}`, createdAt: 0, unseen });
const settled = async (): Promise<void> => void (await Promise.resolve(), await Promise.resolve());

let scope: Scope;
beforeEach(() => {
  vi.useFakeTimers();
  scope = new Scope();
  document.body.replaceChildren();
});
afterEach(() => {
  scope.end();
  vi.useRealTimers();
});

describe("a scope", () => {
  test("ends its listeners and timers, once", () => {
    const heard = vi.fn();
    scope.listen(document, "click", heard);
    scope.after(10, heard);
    scope.end();
    scope.end();
    document.dispatchEvent(new Event("click"));
    vi.runAllTimers();
    expect(heard).not.toHaveBeenCalled();
  });

  test("ends what is added after its end immediately", () => {
    scope.end();
    const end = vi.fn();
    scope.add(end);
    expect(end).toHaveBeenCalledOnce();
  });
});

describe("a store", () => {
  test("reports changes only", () => {
    const store = new Store({ a: 1, b: 2 });
    const heard = vi.fn();
    const stop = store.subscribe(heard);
    store.set({ a: 1 });
    store.set({ a: 3 });
    stop();
    store.set({ a: 4 });
    expect(heard.mock.calls.map(([now]) => now.a)).toEqual([1, 3]);
  });
});

describe("the cache of screens", () => {
  const fake = () => ({ end: vi.fn() }) as unknown as Screen & { end: ReturnType<typeof vi.fn> };

  test("is bounded, and evicts the screen that was hidden for longest", () => {
    const dropped: string[] = [];
    const screens = new ScreenCache((uuid) => dropped.push(uuid));
    for (let index = 0; index < MAX_SCREENS; index += 1) screens.use(String(index), fake);
    expect(dropped).toEqual([]);
    screens.use("0", fake); // shown again: not the oldest any more
    screens.use("new", fake);
    expect(dropped).toEqual(["1"]);
    expect(screens.size).toBe(MAX_SCREENS);
  });

  test("ends a screen that is closed, without an eviction", () => {
    const dropped = vi.fn();
    const screens = new ScreenCache(dropped);
    const screen = fake();
    screens.use("a", () => screen);
    screens.end("a");
    expect(screen.end).toHaveBeenCalledOnce();
    expect([screens.size, dropped.mock.calls.length]).toEqual([0, 0]);
  });
});

describe("the tab strip", () => {
  const actions = () => ({ show: vi.fn(), menu: vi.fn(), reorder: vi.fn(), step: vi.fn(), close: vi.fn() });
  const draw = (told: ReturnType<typeof actions>, ...tabs: Tab[]): TabStrip => {
    const strip = new TabStrip(told, scope);
    document.body.append(strip.element);
    strip.render(tabs, "a", { a: "vim" });
    return strip;
  };
  const chip = (index: number): HTMLElement => document.querySelectorAll<HTMLElement>(".tab")[index] as HTMLElement;

  test("shows the selected tab, titles, and unseen output", () => {
    draw(actions(), tab("a", true), tab("b", true));
    expect([chip(0).getAttribute("aria-selected"), chip(1).getAttribute("aria-selected")]).toEqual(["true", "false"]);
    expect([chip(0).getAttribute("aria-label"), chip(1).getAttribute("aria-label")]).toEqual(["Tab a, vim", "Tab b, new output"]);
  });

  test("a tap shows a tab, and opens the menu of the one that is shown", () => {
    const told = actions();
    draw(told, tab("a"), tab("b"));
    chip(1).click();
    chip(0).click();
    expect([told.show.mock.calls, told.menu.mock.calls]).toEqual([[["b"]], [["a"]]]);
  });

  test("keys move and close", () => {
    const told = actions();
    draw(told, tab("a"), tab("b"));
    chip(0).dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", altKey: true, bubbles: true }));
    chip(0).dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }));
    expect([told.step.mock.calls, told.close.mock.calls]).toEqual([[["a", 1]], [["a"]]]);
  });

  test("tabs that stay keep their elements", () => {
    const strip = draw(actions(), tab("a"), tab("b"));
    const kept = chip(1);
    strip.render([tab("b")], "b", {});
    expect(chip(0)).toBe(kept);
    expect(document.querySelectorAll(".tab")).toHaveLength(1);
  });
});

describe("the key bar", () => {
  const actions = () => ({ key: vi.fn(), text: vi.fn(), modifier: vi.fn(), combo: vi.fn(), editCombo: vi.fn(), paste: vi.fn(), ask: vi.fn(), keyboard: vi.fn() }) satisfies KeyActions;
  const draw = () => {
    const told = actions();
    const bar = new KeyBar(told, scope);
    document.body.append(bar.element);
    bar.render(state);
    return { told, bar, key: (label: string) => bar.element.querySelector<HTMLElement>(`[aria-label="${label}"]`) as HTMLElement };
  };
  const press = (element: HTMLElement): boolean => element.dispatchEvent(new PointerEvent("pointerdown", { button: 0, bubbles: true, cancelable: true }));
  const leave = (element: HTMLElement): boolean => element.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));

  test("a key acts when it is touched, once, and never takes the focus", () => {
    const { told, key } = draw();
    const notPrevented = press(key("Escape"));
    leave(key("Escape"));
    key("Escape").click();
    expect([notPrevented, told.key.mock.calls]).toEqual([false, [["Escape"]]]);
  });

  test("a click without a touch acts too: that is how screen readers press", () => {
    const { told, key } = draw();
    key("Pipe").click();
    expect(told.text.mock.calls).toEqual([["|"]]);
  });

  test("arrows repeat while held, and stop", () => {
    const { told, key } = draw();
    press(key("Left"));
    vi.advanceTimersByTime(REPEAT_DELAY_MS + 3 * REPEAT_EVERY_MS);
    leave(key("Left"));
    const repeated = told.key.mock.calls.length;
    vi.advanceTimersByTime(5_000);
    expect(repeated).toBe(5);
    expect(told.key.mock.calls.length).toBe(repeated);
  });

  test("a long press on a combination changes it, and does not type it", () => {
    const { told, bar } = draw();
    const combo = bar.element.querySelector<HTMLElement>(".combo") as HTMLElement;
    press(combo);
    vi.advanceTimersByTime(600);
    leave(combo);
    combo.click();
    expect([told.editCombo.mock.calls.length, told.combo.mock.calls.length]).toEqual([1, 0]);
  });

  test("a locked modifier is announced to screen readers", () => {
    const { bar, key } = draw();
    bar.render({ ...state, modifiers: { ctrl: "locked", alt: "off", tapped: null } });
    expect(key("Control, locked").getAttribute("aria-pressed")).toBe("true");
  });
});

describe("notices", () => {
  test("disappear, replace others with the same key, and are bounded", () => {
    const notices = new Notices();
    notices.show("one", { key: "same" });
    notices.show("two", { key: "same" });
    expect(notices.element.children).toHaveLength(1);
    expect(notices.announcer.textContent).toBe("two");
    for (let count = 0; count < 9; count += 1) notices.show(`more ${count}`);
    expect(notices.element.children).toHaveLength(3);
    vi.advanceTimersByTime(60_000);
    expect(notices.element.children).toHaveLength(0);
  });
});

describe("questions", () => {
  test("are answered by their buttons, and with no when they are closed", async () => {
    const first = ask({ title: "Close?", text: "Really.", yes: "Close it", danger: true });
    document.querySelector<HTMLElement>("dialog .danger")?.click();
    const second = ask({ title: "Close?", text: "Really.", yes: "Close it" });
    document.querySelector<HTMLElement>("dialog [aria-label=Close]")?.click();
    await settled();
    expect([await first, await second]).toEqual([true, false]);
    expect(document.querySelector("dialog")).toBeNull();
  });

  test("show markup as text", () => {
    void ask({ title: "Open?", text: "x", quoted: "<img src=x onerror=alert(1)>", yes: "Open" });
    expect(document.querySelector("dialog img")).toBeNull();
    document.querySelector<HTMLElement>("dialog [aria-label=Close]")?.click();
  });
});

describe("the first page", () => {
  test("says why a link is not valid", async () => {
    const welcome = new Welcome({ pair: () => Promise.reject(new Error("This is not a link.")), wake: vi.fn(), tryAgain: vi.fn(), machines: vi.fn(), create: vi.fn(), forget: vi.fn() });
    document.body.append(welcome.element);
    welcome.render({ ...state, connection: { ...READY, stage: "unpaired" } });
    document.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true, bubbles: true }));
    await settled();
    expect(document.querySelector("[role=alert]")?.textContent).toBe("This is not a link.");
  });

  test("says in each state what to do", () => {
    for (const stage of ["unpaired", "offline", "signing-in", "waiting", "securing", "ready", "refused"] as const) {
      const connection = { ...READY, stage };
      expect(phraseFor(connection).hint).not.toBe("");
      expect(shortState(connection)).not.toBe("");
    }
    expect(phraseFor({ ...READY, stage: "refused", problem: "Shut out." }).hint).toBe("Shut out.");
    expect(bannerText({ ...READY, stage: "refused", problem: "Shut out." })).toBe("Shut out.");
    expect(bannerText({ ...READY, stage: "offline", waitingFor: "the relay" })).toBe("No connection · waiting for the relay");
  });
});

describe("the address", () => {
  test("loses its fragment immediately, and keeps the rest", () => {
    const replaceState = vi.fn();
    expect(takeFragment({ hash: "#1.A.B.C.D", pathname: "/", search: "?x" }, { replaceState })).toBe("1.A.B.C.D");
    expect(replaceState).toHaveBeenCalledWith(null, "", "/?x");
    expect(takeFragment({ hash: "", pathname: "/", search: "" }, { replaceState })).toBeNull();
    expect(replaceState).toHaveBeenCalledOnce();
  });
});
