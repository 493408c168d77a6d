/** What is typed, on its way to the shown terminal: with the key bar's modifiers, combinations, and pastes. */

import { utf8 } from "../../platform/bytes";
import type { Session } from "../../session/types";
import type { Store } from "../base/store";
import { bracketed, pasteable } from "./difference";
import { type Combo, encodeCombo, parseCombo } from "../keys/combos";
import { encodeCharacter, encodeKey, type Key } from "../keys/encoding";
import { anyHeld, held, type Modifier, RELEASED, spend, tap, withHeldOf } from "../keys/modifiers";
import type { Notices } from "../notices/notices";
import type { Screen } from "../screen/screen";
import { ask } from "../sheets/sheet";
import type { AppState } from "../state";

/** Bytes. Longer pastes are refused: the agent keeps a MiB for a program that is slow to read, and drops what is beyond. */
const LONGEST_PASTE = 1_000_000;
/** What asks before it is pasted, even where the program knows pastes. */
const LONG_PASTE = 20_000;

export class InputSender {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #notices: Notices;
  readonly #screen: () => Screen | null;

  constructor(session: Session, store: Store<AppState>, notices: Notices, screen: () => Screen | null) {
    this.#session = session;
    this.#store = store;
    this.#notices = notices;
    this.#screen = screen;
  }

  /** From a keyboard of any kind. */
  typed(data: string): void {
    const { modifiers } = this.#store.state;
    const combined = anyHeld(modifiers) ? withHeldOf(data, modifiers, this.#application) : null;
    if (combined !== null) this.#spend();
    this.#send(combined ?? data);
    if (combined !== null) this.#screen()?.forgetTyped();
  }

  key(key: Key): void {
    this.#press(encodeKey(key, held(this.#store.state.modifiers), this.#application));
  }

  text(text: string): void {
    this.#press(encodeCharacter(text, held(this.#store.state.modifiers)));
  }

  modifier(modifier: Modifier): void {
    this.#store.set({ modifiers: tap(this.#store.state.modifiers, modifier, performance.now()) });
  }

  combo(combo: Combo): void {
    const parsed = parseCombo(combo.sequence);
    if ("problem" in parsed) this.#notices.say(parsed.problem);
    else this.#press(encodeCombo(parsed.steps, this.#application));
  }

  async paste(text: string): Promise<void> {
    const clean = pasteable(text);
    const screen = this.#screen();
    const { shown } = this.#store.state;
    if (clean === "" || screen === null) return;
    if (utf8(clean).length > LONGEST_PASTE) return this.#notices.say("That is too long to be pasted: a megabyte is the most.");
    const knowsPastes = screen.terminal.modes.bracketedPasteMode;
    if (!(await this.#isConfirmed(clean, knowsPastes)) || this.#store.state.shown !== shown) return;
    this.#press(bracketed(clean, knowsPastes));
  }

  /** Another terminal is shown: what was held is let go. */
  release(): void {
    this.#store.set({ modifiers: RELEASED });
  }

  get #application(): boolean {
    return this.#screen()?.applicationCursor ?? false;
  }

  async #isConfirmed(text: string, knowsPastes: boolean): Promise<boolean> {
    const lines = text.split("\r").length;
    if (text.length <= LONG_PASTE && (lines === 1 || knowsPastes)) return true;
    const why = knowsPastes ? `${text.length} characters.` : `${lines} lines. The program takes each line as if Enter was pressed, so commands run at once.`;
    return ask({ title: "Paste this?", text: why, quoted: text.replace(/\r/g, "\n").slice(0, 600), yes: "Paste" });
  }

  #press(data: string): void {
    this.#spend();
    this.#screen()?.forgetTyped();
    this.#send(data);
  }

  #spend(): void {
    this.#store.set({ modifiers: spend(this.#store.state.modifiers) });
  }

  #send(data: string): void {
    const { shown } = this.#store.state;
    if (shown === null || data === "") return;
    if (!this.#session.input(shown, data)) this.#notices.say("Not connected: that was not typed.", { key: "not-typed" });
    else this.#screen()?.terminal.scrollToBottom();
  }
}
