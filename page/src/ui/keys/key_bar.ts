/**
 * The bar of keys that soft keyboards lack. Which keys it has is in `key_bar_keys.ts`.
 *
 * The bar stays above the soft keyboard, since the page ends where the keyboard begins.
 */

import { el, setText } from "../base/dom";
import { icon, type IconName } from "../base/icons";
import { Scope } from "../base/scope";
import type { AppState } from "../state";
import type { Combo } from "./combos";
import type { Key } from "./encoding";
import { KEY_BAR_ROWS, type KeyBarKey } from "./key_bar_keys";
import type { Modifier, ModifierState } from "./modifiers";
import { watchPress } from "./press";

export interface KeyActions {
  key(key: Key): void;
  text(text: string): void;
  modifier(modifier: Modifier): void;
  combo(combo: Combo): void;
  editCombo(combo: Combo | null): void;
  paste(): void;
  ask(): void;
  keyboard(): void;
}

export class KeyBar {
  readonly element = el("div", { class: "key-bar", role: "toolbar", "aria-label": "Keys", "data-scrolls": true });
  readonly #chips = el("div", { class: "chips", "data-scrolls": true });
  readonly #combos = el("span", { class: "combos" });
  readonly #ask: HTMLElement;
  readonly #modifiers = new Map<Modifier, HTMLElement>(); // bounded by KEY_BAR_ROWS
  readonly #actions: KeyActions;
  readonly #scope: Scope;
  #comboScope = new Scope();
  #drawn: readonly Combo[] | null = null;

  constructor(actions: KeyActions, scope: Scope) {
    this.#actions = actions;
    this.#scope = scope;
    this.#ask = this.#tool("spark", "Ask", "Ask the assistant", () => actions.ask());
    const paste = this.#tool("paste", "Paste", "Paste", () => actions.paste());
    const add = this.#tool("plus", "", "Add a combination", () => actions.editCombo(null));
    const keyboard = this.#tool("keyboard", "", "Show or hide the keyboard", () => actions.keyboard());
    this.#chips.append(keyboard, this.#ask, paste, this.#combos, add);
    this.element.append(this.#chips, el("div", { class: "grid" }, ...KEY_BAR_ROWS.flat().map((key) => this.#button(key))));
    scope.add(() => this.#comboScope.end());
  }

  render(state: AppState): void {
    this.#renderModifier("ctrl", state.modifiers.ctrl);
    this.#renderModifier("alt", state.modifiers.alt);
    this.element.classList.toggle("one-row", state.preferences.keyBar === "one-row");
    this.#ask.setAttribute("aria-pressed", String(state.asking));
    const running = state.shown !== null && state.assistant.conversations[state.shown]?.running === true;
    this.#ask.classList.toggle("active", running || state.assistant.approvals.length > 0);
    if (this.#drawn !== state.combos) this.#drawCombos(state.combos);
  }

  #renderModifier(modifier: Modifier, state: ModifierState): void {
    const button = this.#modifiers.get(modifier);
    if (button === undefined || button.dataset["state"] === state) return;
    button.dataset["state"] = state;
    button.setAttribute("aria-pressed", String(state !== "off"));
    button.setAttribute("aria-label", state === "locked" ? `${NAMES[modifier]}, locked` : NAMES[modifier]);
  }

  #button(key: KeyBarKey): HTMLElement {
    const button = el("button", { class: `key ${key.kind}`, type: "button" });
    setText(button, key.kind === "text" ? key.text : key.label);
    button.classList.toggle("long", key.kind === "key" && key.label.length > 3);
    if (key.kind === "modifier") this.#modifiers.set(key.modifier, button);
    else button.setAttribute("aria-label", key.spoken);
    const repeats = key.kind === "key" && key.repeats;
    watchPress(button, { act: () => this.#press(key), repeats }, this.#scope);
    return button;
  }

  #press(key: KeyBarKey): void {
    if (key.kind === "key") this.#actions.key(key.key);
    else if (key.kind === "text") this.#actions.text(key.text);
    else this.#actions.modifier(key.modifier);
  }

  #tool(picture: IconName, label: string, spoken: string, act: () => void): HTMLElement {
    const button = el("button", { class: "chip", type: "button", "aria-label": spoken }, icon(picture), label);
    watchPress(button, { act, repeats: false }, this.#scope);
    return button;
  }

  #drawCombos(combos: readonly Combo[]): void {
    this.#drawn = combos;
    this.#comboScope.end();
    this.#comboScope = new Scope();
    this.#combos.replaceChildren(...combos.map((combo) => this.#combo(combo)));
  }

  #combo(combo: Combo): HTMLElement {
    const button = el("button", { class: "chip combo", type: "button", title: `${combo.sequence} (hold to change)` }, combo.label);
    watchPress(button, { act: () => this.#actions.combo(combo), long: () => this.#actions.editCombo(combo), repeats: false }, this.#comboScope);
    return button;
  }
}

const NAMES: Readonly<Record<Modifier, string>> = { ctrl: "Control", alt: "Alt" };
