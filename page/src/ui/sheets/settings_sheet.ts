/** The settings sheet. Each change takes effect immediately. */

import { el, replace, setText } from "../base/dom";
import { icon } from "../base/icons";
import { clampFont, type Preferences } from "../base/preferences";
import type { Store } from "../base/store";
import { PALETTES } from "../screen/palettes";
import type { AppState } from "../state";
import { openSheet, type Sheet } from "./sheet";

export interface SettingsActions {
  change(changes: Partial<Preferences>): void;
  forget(): void;
}

export function openSettings(store: Store<AppState>, actions: SettingsActions): void {
  const sheet = openSheet("Settings");
  const { state } = store;
  const choose = <K extends keyof Preferences>(name: K, label: string, choices: readonly (readonly [Preferences[K] & string, string])[]): HTMLElement =>
    choice(sheet, label, choices, store.state.preferences[name] as string, (value) => actions.change({ [name]: value } as Partial<Preferences>));
  const toggle = (name: "screenReader" | "vibrate" | "cursorBlink", label: string, hint: string): HTMLElement =>
    switched(sheet, label, hint, state.preferences[name], (on) => actions.change({ [name]: on }));
  replace(
    sheet.body,
    choose("scheme", "Appearance", [["system", "System"], ["dark", "Dark"], ["light", "Light"]]),
    el("h3", {}, "Terminal colours"), palettes(sheet, store, actions),
    fontSize(sheet, store, actions),
    toggle("cursorBlink", "Blinking cursor", ""),
    el("h3", {}, "Keys"),
    choose("keyBar", "Key bar", [["full", "Two rows"], ["one-row", "One row"]]),
    choose("composing", "Composed text", [["auto", "Automatic"], ["at-once", "Send immediately"], ["when-done", "Send when complete"]]),
    el("p", { class: "hint" }, "Choose “Send when complete” for input methods such as Pinyin, Kana or Hangul."),
    toggle("vibrate", "Vibrate", "For keys and the bell, if the device supports it."),
    el("h3", {}, "Accessibility"),
    toggle("screenReader", "Screen reader support", "Lets screen readers read the terminal. Slows down output."),
    el("h3", {}, "This device"),
    install(),
    forget(sheet, actions),
  );
}

function choice(sheet: Sheet, label: string, choices: readonly (readonly [string, string])[], chosen: string, change: (value: string) => void): HTMLElement {
  const name = `choice-${label.toLowerCase().replace(/\W+/g, "-")}`;
  const options = choices.map(([value, words]) => {
    const input = el("input", { type: "radio", name, value, checked: value === chosen });
    sheet.scope.listen(input, "change", () => change(value));
    return el("label", {}, input, el("span", {}, words));
  });
  return el("fieldset", { class: "segments" }, el("legend", {}, label), el("div", { class: "segment-row" }, ...options));
}

function switched(sheet: Sheet, label: string, hint: string, on: boolean, change: (on: boolean) => void): HTMLElement {
  const input = el("input", { type: "checkbox", role: "switch", checked: on });
  sheet.scope.listen(input, "change", () => change(input.checked));
  return el("label", { class: "switch" }, el("span", { class: "menu-words" }, el("span", {}, label), hint !== "" && el("small", {}, hint)), input);
}

function palettes(sheet: Sheet, store: Store<AppState>, actions: SettingsActions): HTMLElement {
  const names = [{ id: "auto", name: "Automatic", theme: null }, ...PALETTES];
  const options = names.map(({ id, name, theme }) => {
    const input = el("input", { type: "radio", name: "palette", value: id, checked: store.state.preferences.palette === id });
    sheet.scope.listen(input, "change", () => actions.change({ palette: id }));
    const sample = el("span", { class: "sample", "aria-hidden": "true" }, ...["$", "ls", "~", "ok"].map((word) => el("b", {}, word)));
    if (theme !== null) paint(sample, [theme.foreground, theme.blue, theme.yellow, theme.green], theme.background);
    return el("label", { class: "palette" }, input, el("span", { class: "palette-face" }, sample, el("span", {}, name)));
  });
  return el("div", { class: "palettes", role: "radiogroup", "aria-label": "Terminal colours" }, ...options);
}

function paint(sample: HTMLElement, colours: readonly (string | undefined)[], background: string | undefined): void {
  sample.style.backgroundImage = "none";
  sample.style.backgroundColor = background ?? "";
  [...sample.children].forEach((word, index) => ((word as HTMLElement).style.color = colours[index] ?? ""));
}

function fontSize(sheet: Sheet, store: Store<AppState>, actions: SettingsActions): HTMLElement {
  const shown = el("output", { "aria-live": "polite" });
  const button = (picture: "minus" | "plus", label: string, by: number): HTMLElement => {
    const element = el("button", { type: "button", class: "square", "aria-label": label }, icon(picture));
    sheet.scope.listen(element, "click", () => actions.change({ fontSize: clampFont(store.state.preferences.fontSize + by) }));
    return element;
  };
  sheet.scope.add(store.subscribe((state) => setText(shown, `${state.preferences.fontSize} px`)));
  return el("div", { class: "stepper" }, el("span", {}, "Font size"), button("minus", "Smaller", -1), shown, button("plus", "Larger", 1));
}

function install(): HTMLElement | null {
  if (matchMedia("(display-mode: standalone)").matches) return null;
  const secure = window.isSecureContext;
  const words = secure
    ? "Add this page to the home screen from your browser’s menu (on an iPhone: Share, Add to Home Screen)."
    : "Installing the page and reading the clipboard require HTTPS, which this address does not use.";
  return el("p", { class: "hint" }, words);
}

function forget(sheet: Sheet, actions: SettingsActions): HTMLElement {
  const button = el("button", { type: "button", class: "quiet danger-text" }, "Forget this machine…");
  sheet.scope.listen(button, "click", () => {
    sheet.close();
    actions.forget();
  });
  return el("div", { class: "stack" }, button);
}
