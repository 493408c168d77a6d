/** A line below a terminal whose shell has ended: how it ended, and a button that closes the tab. */

import { el, setText } from "../base/dom";
import type { AppState } from "../state";

export class ExitNote {
  readonly element = el("div", { class: "exit-note", role: "status", hidden: true });
  readonly #words = el("span");

  constructor(close: () => void) {
    const button = el("button", { class: "small", type: "button" }, "Close tab");
    button.addEventListener("click", close);
    this.element.append(this.#words, button);
  }

  render(state: AppState): void {
    const exit = state.tabs.find((tab) => tab.uuid === state.shown)?.exit ?? null;
    this.element.hidden = exit === null;
    setText(this.#words, exit === null ? "" : `The shell ${exit}.`);
  }
}
