/**
 * Text input from sources other than keys: soft keyboards, input methods, dictation, emoji panels, corrections.
 *
 * xterm handles hardware keys, and positions its text field at the cursor. Every change of its text is handled
 * here, and sent as the difference that it makes (see difference.ts). Events that are handled here never reach xterm, so
 * that nothing is typed twice.
 */

import type { Terminal } from "@xterm/xterm";
import { el, setText } from "../base/dom";
import type { Scope } from "../base/scope";
import { difference, keystrokes } from "./difference";

export interface Typing {
  typed(data: string): void;
  pasted(text: string): void;
  /** Whether the letters of a composition are sent immediately (Android's word suggestions), or at its end (CJK). */
  sendsCompositionImmediately(): boolean;
}

/** Text to delete, so that a soft keyboard reports its backspace key. */
const SENTINEL = " ".repeat(16);
const LONGEST = 400;

export class TextInput {
  readonly #field: HTMLTextAreaElement;
  readonly #terminal: Terminal;
  readonly #typing: Typing;
  readonly #preedit = el("div", { class: "preedit", "aria-hidden": "true" });
  #before: string | null = null;
  #composing = false;
  /** The field's text before a composition whose result was not sent yet. */
  #start: string | null = null;
  /** xterm sent a key, and its letter will appear in the field, too (in screen reader mode). */
  #echo = false;

  constructor(terminal: Terminal, host: HTMLElement, typing: Typing, scope: Scope) {
    this.#terminal = terminal;
    this.#typing = typing;
    this.#field = terminal.textarea as HTMLTextAreaElement;
    prepare(this.#field);
    terminal.element?.querySelector(".xterm-screen")?.append(this.#preedit);
    this.#listen(host, scope);
  }

  /** A key was sent, so the field's text is no longer the text before the cursor. */
  forget(): void {
    if (this.#composing) return;
    this.#start = null;
    this.#refill();
  }

  focus(): void {
    this.#terminal.focus();
  }

  #listen(host: HTMLElement, scope: Scope): void {
    const capture = { capture: true };
    scope.listen(host, "keydown", (event) => this.#keydown(event), capture);
    scope.listen(host, "keypress", (event) => this.#keypress(event), capture);
    scope.listen(host, "beforeinput", () => void (this.#before = this.#field.value), capture);
    scope.listen(host, "input", (event) => this.#input(event as InputEvent), capture);
    scope.listen(host, "compositionstart", (event) => this.#compositionStart(event), capture);
    scope.listen(host, "compositionupdate", (event) => this.#compositionUpdate(event as CompositionEvent), capture);
    scope.listen(host, "compositionend", (event) => this.#compositionEnd(event, scope), capture);
    scope.listen(host, "paste", (event) => this.#paste(event as ClipboardEvent), capture);
    scope.listen(this.#field, "focus", () => this.#tidy());
    scope.add(() => this.#preedit.remove());
    const sent = this.#terminal.onKey(() => void (this.#echo = this.#terminal.options.screenReaderMode === true));
    scope.add(() => sent.dispose());
    this.#tidy();
  }

  #keydown(event: KeyboardEvent): void {
    if (event.target !== this.#field) return;
    this.#echo = false;
    if (event.isComposing || event.keyCode === 229 || event.key === "Unidentified" || event.key === "Process") {
      event.stopImmediatePropagation(); // the text follows as input
      return;
    }
    this.#finish();
  }

  /** xterm handles a space or a capital letter on this event. It comes as input, too, and is sent from there. */
  #keypress(event: KeyboardEvent): void {
    if (event.target === this.#field) event.stopImmediatePropagation();
  }

  #input(event: InputEvent): void {
    if (event.target !== this.#field) return;
    event.stopImmediatePropagation();
    const before = this.#before;
    this.#before = null;
    if (this.#echo || event.inputType === "insertFromPaste" || event.inputType === "insertFromDrop") return this.#ignore();
    if (this.#start !== null && !this.#typing.sendsCompositionImmediately()) return;
    if (before !== null) this.#send(before);
    if (!this.#composing) this.#tidy();
  }

  #ignore(): void {
    this.#echo = false;
    if (!this.#composing) this.#tidy();
  }

  #compositionStart(event: Event): void {
    event.stopImmediatePropagation();
    this.#finish();
    this.#composing = true;
    this.#start = this.#field.value;
  }

  #compositionUpdate(event: CompositionEvent): void {
    event.stopImmediatePropagation();
    if (!this.#typing.sendsCompositionImmediately()) this.#showPreedit(event.data);
  }

  /** Safari changes the field after this event, other browsers before it: read the result in the next task. */
  #compositionEnd(event: Event, scope: Scope): void {
    event.stopImmediatePropagation();
    this.#composing = false;
    scope.after(0, () => this.#finish());
  }

  /** Send the result of a composition, if it was not sent yet. */
  #finish(): void {
    const start = this.#start;
    if (start === null || this.#composing) return;
    this.#start = null;
    this.#showPreedit("");
    if (!this.#typing.sendsCompositionImmediately()) this.#send(start);
    this.#tidy();
  }

  #paste(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text !== "") this.#typing.pasted(text);
  }

  #send(before: string): void {
    const typed = keystrokes(difference(before, this.#field.value));
    if (typed === "") return;
    if (typed.endsWith("\r") && !this.#composing) this.#refill();
    this.#typing.typed(typed);
  }

  #tidy(): void {
    const { value, selectionStart } = this.#field;
    if (value.length < SENTINEL.length / 2 || value.length > LONGEST) this.#refill();
    else if (selectionStart !== value.length) this.#field.setSelectionRange(value.length, value.length);
  }

  #refill(): void {
    if (this.#field.value !== SENTINEL) this.#field.value = SENTINEL;
    this.#field.setSelectionRange(SENTINEL.length, SENTINEL.length);
  }

  #showPreedit(text: string): void {
    setText(this.#preedit, text);
    const { style } = this.#preedit;
    style.fontSize = `${this.#terminal.options.fontSize ?? 14}px`;
    style.lineHeight = this.#field.style.lineHeight;
    style.top = this.#field.style.top;
    const room = (this.#preedit.parentElement?.clientWidth ?? 0) - this.#preedit.offsetWidth;
    style.left = `${Math.max(0, Math.min(Number.parseFloat(this.#field.style.left) || 0, room))}px`;
  }
}

function prepare(field: HTMLTextAreaElement): void {
  const settings = {
    autocapitalize: "off", autocomplete: "off", autocorrect: "off", spellcheck: "false", inputmode: "text", enterkeyhint: "enter",
    "data-gramm": "false", "data-1p-ignore": "true", "data-lpignore": "true", "aria-label": "Terminal input",
  };
  for (const [name, value] of Object.entries(settings)) field.setAttribute(name, value);
}
