/** A line above a terminal that can't be used: what the connection waits for. The terminal's text stays readable. */

import { el, setText } from "../base/dom";
import type { AppState } from "../state";
import { bannerText, phraseFor } from "./phrases";

export class Banner {
  readonly element = el("div", { class: "banner", hidden: true });
  readonly #words = el("span", { class: "banner-words" });

  constructor(wake: () => void) {
    const again = el("button", { class: "small", type: "button" }, "Try now");
    again.addEventListener("click", wake);
    this.element.append(el("span", { class: "spinner small", "aria-hidden": "true" }), this.#words, again);
  }

  render(state: AppState): void {
    const phrase = phraseFor(state.connection);
    this.element.hidden = state.connection.stage === "ready" || state.shown === null;
    this.element.dataset["tone"] = phrase.tone;
    this.element.classList.toggle("busy", phrase.busy);
    setText(this.#words, bannerText(state.connection));
  }
}
