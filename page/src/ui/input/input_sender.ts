/** Sends input to the shown terminal: typed text, keys with the key bar's modifiers, combinations, and pastes. */

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

/** The most bytes of a paste. Longer ones are refused: the agent buffers 1 MiB for a program that is slow to read, and drops the rest. */
const MAX_PASTE = 1_000_000;
/** Pastes with more characters than this are confirmed first, even if the program supports bracketed paste. */
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

  /** Send text from a keyboard of any kind. */
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
    if ("problem" in parsed) this.#notices.show(parsed.problem);
    else this.#press(encodeCombo(parsed.steps, this.#application));
  }

  async paste(text: string): Promise<void> {
    const clean = pasteable(text);
    const screen = this.#screen();
    const { shown } = this.#store.state;
    if (clean === "" || screen === null) return;
    if (utf8(clean).length > MAX_PASTE) return this.#notices.show("The text is too long to paste (maximum 1 MB).");
    const bracketsPastes = screen.terminal.modes.bracketedPasteMode;
    if (!(await this.#isConfirmed(clean, bracketsPastes)) || this.#store.state.shown !== shown) return;
    this.#press(bracketed(clean, bracketsPastes));
  }

  /** Release all modifiers, since another terminal is shown. */
  release(): void {
    this.#store.set({ modifiers: RELEASED });
  }

  get #application(): boolean {
    return this.#screen()?.applicationCursor ?? false;
  }

  async #isConfirmed(text: string, bracketsPastes: boolean): Promise<boolean> {
    const lines = text.split("\r").length;
    if (text.length <= LONG_PASTE && (lines === 1 || bracketsPastes)) return true;
    const why = bracketsPastes ? `${text.length} characters.` : `${lines} lines. The program treats each line as if you pressed Enter, so commands run immediately.`;
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
    if (!this.#session.input(shown, data)) this.#notices.show("Not connected: the text was not sent.", { key: "not-typed" });
    else this.#screen()?.terminal.scrollToBottom();
  }
}
