/** Short messages that disappear after some seconds, and announcements for screen readers. At most MAX_SHOWN are visible. */

import { el, setText } from "../base/dom";
import { icon } from "../base/icons";
import { Scope } from "../base/scope";

export interface NoticeAction {
  readonly label: string;
  readonly act: () => void;
}

export interface NoticeOptions {
  /** A later notice with the same key replaces this one. */
  readonly key?: string;
  readonly detail?: string;
  readonly actions?: readonly NoticeAction[];
  readonly seconds?: number;
}

const MAX_SHOWN = 3;
const SECONDS = 4;
const SECONDS_TO_ANSWER = 20;

export class Notices {
  readonly element = el("div", { class: "notices" });
  readonly announcer = el("div", { class: "hidden-but-read", role: "status", "aria-live": "polite" });
  readonly #shown = new Map<string, { element: HTMLElement; scope: Scope }>(); // bounded by MAX_SHOWN
  #count = 0;

  show(text: string, options: NoticeOptions = {}): void {
    const key = options.key ?? `notice-${(this.#count += 1)}`;
    this.#remove(key);
    const scope = new Scope();
    const element = this.#draw(text, options, key);
    this.#shown.set(key, { element, scope });
    this.element.append(element);
    scope.after((options.seconds ?? (options.actions ? SECONDS_TO_ANSWER : SECONDS)) * 1000, () => this.#remove(key));
    this.#trim();
    this.announce(options.detail === undefined ? text : `${text} ${options.detail}`);
  }

  /** Announce something to screen readers only. */
  announce(text: string): void {
    setText(this.announcer, text);
  }

  clear(): void {
    for (const key of [...this.#shown.keys()]) this.#remove(key);
  }

  #draw(text: string, options: NoticeOptions, key: string): HTMLElement {
    const words = el("div", { class: "notice-words" }, el("span", {}, text), options.detail !== undefined && el("code", {}, options.detail));
    const buttons = (options.actions ?? []).map((action) => this.#button(action, key));
    const dismiss = el("button", { class: "plain", type: "button", "aria-label": "Dismiss" }, icon("close"));
    dismiss.addEventListener("click", () => this.#remove(key), { once: true });
    return el("div", { class: "notice" }, words, ...buttons, dismiss);
  }

  #button(action: NoticeAction, key: string): HTMLElement {
    const button = el("button", { class: "small", type: "button" }, action.label);
    button.addEventListener("click", () => {
      this.#remove(key);
      action.act();
    });
    return button;
  }

  #remove(key: string): void {
    const shown = this.#shown.get(key);
    shown?.scope.end();
    shown?.element.remove();
    this.#shown.delete(key);
  }

  #trim(): void {
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > MAX_SHOWN && oldest !== undefined) this.#remove(oldest);
  }
}
