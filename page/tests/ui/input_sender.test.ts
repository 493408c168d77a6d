// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/session/types";
import { DEFAULTS } from "../../src/ui/base/preferences";
import { Store } from "../../src/ui/base/store";
import type { Notices } from "../../src/ui/notices/notices";
import type { Screen } from "../../src/ui/screen/screen";
import { type AppState, firstState } from "../../src/ui/state";
import { InputSender } from "../../src/ui/input/input_sender";

const READY = { stage: "ready", path: "relay", latencyMs: null, waitingFor: null, problem: null, machine: "workshop" } as const;

function typist(knowsPastes = true) {
  const input = vi.fn(() => true);
  const show = vi.fn();
  const screen = { terminal: { modes: { bracketedPasteMode: knowsPastes }, scrollToBottom: vi.fn() }, forgetTyped: vi.fn(), applicationCursor: false };
  const store = new Store<AppState>({ ...firstState(READY, [], DEFAULTS, "dark"), shown: "a" });
  const typist = new InputSender({ input } as unknown as Session, store, { show } as unknown as Notices, () => screen as unknown as Screen);
  return { typist, input, show, store };
}

const agree = async (yes: boolean): Promise<void> => {
  const named = yes ? "dialog .primary, dialog .danger" : "dialog [aria-label=Close]";
  await vi.waitFor(() => expect(document.querySelector(named)).not.toBeNull());
  document.querySelector<HTMLElement>(named)?.click();
};

afterEach(() => document.body.replaceChildren());

describe("a paste", () => {
  test("is sent in one part, in brackets when the program supports them", async () => {
    const { typist: typing, input } = typist();
    await typing.paste("one\ntwo");
    expect(input.mock.calls).toEqual([["a", "\x1b[200~one\rtwo\x1b[201~"]]);
  });

  test.each([["漢", 3], ["a", 1]])("of %j is measured in bytes, as the agent does", async (character, bytes) => {
    const { typist: typing, input, show } = typist();
    await typing.paste(character.repeat(1_000_000 / bytes + 1));
    expect([show.mock.calls.length, input.mock.calls.length]).toEqual([1, 0]);
    const pasting = typing.paste(character.repeat(1_000_000 / bytes));
    await agree(true);
    await pasting;
    expect(input).toHaveBeenCalledOnce();
  });

  test("that has to be confirmed is not done after a no, nor in another terminal", async () => {
    const { typist: typing, input, store } = typist(false);
    const refused = typing.paste("one\ntwo");
    await agree(false);
    await refused;
    const elsewhere = typing.paste("one\ntwo");
    store.set({ shown: "b" });
    await agree(true);
    await elsewhere;
    expect(input).not.toHaveBeenCalled();
  });
});
