// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Connection, Session, Settings } from "../../src/session/types";
import { DEFAULTS, loadPreferences } from "../../src/ui/base/preferences";
import { Scope } from "../../src/ui/base/scope";
import { Store } from "../../src/ui/base/store";
import { PreferencesSync } from "../../src/ui/preferences_sync";
import { type AppState, firstState } from "../../src/ui/state";

const READY: Connection = { stage: "ready", path: "relay", latencyMs: 48, waitingFor: null, problem: null, machine: "workshop" };
const OLDER: Settings = { fontSize: 11, page: { palette: "nord" } };

/** A session of which only the settings are real; `answer` ends the oldest request. */
class Relay {
  readonly settings: Settings = {};
  readonly saved: Settings[] = [];
  readonly #listeners = new Map<string, (value: never) => void>();
  readonly #waiting: ((ok: boolean) => void)[] = [];

  on(event: string, listener: (value: never) => void): () => void {
    this.#listeners.set(event, listener);
    return () => this.#listeners.delete(event);
  }

  says(event: string, value: unknown): void {
    this.#listeners.get(event)?.(value as never);
  }

  putSettings(changes: Settings): Promise<void> {
    this.saved.push(changes);
    return new Promise((resolve, reject) => this.#waiting.push((ok) => (ok ? resolve() : reject(new Error("The relay can't be reached.")))));
  }

  async answer(ok: boolean): Promise<void> {
    this.#waiting.shift()?.(ok);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let scope: Scope;
let relay: Relay;
let store: Store<AppState>;

function begin(): PreferencesSync {
  store = new Store(firstState(READY, [], loadPreferences(localStorage), "dark"));
  relay = new Relay();
  return new PreferencesSync(relay as unknown as Session, store, localStorage, scope);
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  scope = new Scope();
});
afterEach(() => {
  scope.end();
  vi.useRealTimers();
});

describe("a changed preference", () => {
  test("is saved at the relay after the last change", async () => {
    const choices = begin();
    for (const fontSize of [15, 16, 17]) choices.change({ fontSize });
    await vi.advanceTimersByTimeAsync(1000);
    expect(relay.saved.map((settings) => settings.fontSize)).toEqual([17]);
  });

  test("is not overwritten by the relay's settings before it is saved", async () => {
    const choices = begin();
    choices.change({ fontSize: 20 });
    relay.says("settings", OLDER);
    await vi.advanceTimersByTimeAsync(1000);
    choices.change({ fontSize: 21 });
    relay.says("settings", { ...OLDER, fontSize: 20 });
    await relay.answer(true);
    relay.says("settings", OLDER);
    expect(store.state.preferences.fontSize).toBe(21);
    await vi.advanceTimersByTimeAsync(1000);
    await relay.answer(true);
    expect(relay.saved.at(-1)?.fontSize).toBe(21);
    relay.says("settings", OLDER);
    expect(store.state.preferences).toMatchObject({ fontSize: 11, palette: "nord" });
  });

  test("is stored, and saved later, when the page is closed immediately", async () => {
    begin().change({ fontSize: 20 });
    scope.end();
    scope = new Scope();
    begin();
    relay.says("settings", OLDER);
    expect(store.state.preferences.fontSize).toBe(20);
    relay.says("connection", READY);
    await vi.advanceTimersByTimeAsync(1000);
    expect(relay.saved.map((settings) => settings.fontSize)).toEqual([20]);
  });

  test("is saved on the next connection when it could not be saved", async () => {
    begin().change({ fontSize: 20 });
    relay.says("connection", READY);
    await vi.advanceTimersByTimeAsync(1000);
    await relay.answer(false);
    relay.says("connection", { ...READY, latencyMs: 12 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(relay.saved).toHaveLength(1);
    relay.says("connection", { ...READY, stage: "offline" });
    relay.says("connection", READY);
    await vi.advanceTimersByTimeAsync(1000);
    await relay.answer(true);
    expect(relay.saved).toHaveLength(2);
  });

  test("does not exist at first: the account's settings are used", () => {
    begin();
    relay.says("settings", OLDER);
    expect(store.state.preferences).toEqual({ ...DEFAULTS, fontSize: 11, palette: "nord" });
  });
});
