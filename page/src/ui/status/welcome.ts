/**
 * The page without a terminal: how to pair, what the connection waits for, or that no terminal is open.
 */

import type { Connection } from "../../session/types";
import { el, replace, setText } from "../base/dom";
import { icon } from "../base/icons";
import type { AppState } from "../state";
import { linkForm } from "./link_form";
import { phraseFor } from "./phrases";

export interface WelcomeActions {
  pair(text: string): Promise<void>;
  wake(): void;
  tryAgain(): void;
  machines(): void;
  create(): void;
  forget(): void;
}

type WelcomePage = "pair" | "refused" | "waiting" | "empty";

export class Welcome {
  readonly element = el("section", { class: "welcome" });
  readonly #actions: WelcomeActions;
  readonly #title = el("h1");
  readonly #hint = el("p", { class: "lead" });
  readonly #known: HTMLElement;
  #page: WelcomePage | null = null;

  constructor(actions: WelcomeActions) {
    this.#actions = actions;
    this.#known = el("div", { class: "row" }, button("Other machines", actions.machines));
  }

  render(state: AppState): void {
    const { connection } = state;
    const page = pageFor(connection);
    if (page !== this.#page) this.#show(page);
    this.#known.hidden = !state.machines.some(({ isUsed }) => !isUsed);
    const phrase = page === "empty" ? EMPTY : phraseFor(connection);
    setText(this.#title, page === "pair" ? "Your machine’s terminals on this device" : phrase.title);
    setText(this.#hint, page === "pair" ? "Pair this page with the machine that runs MobiFai." : phrase.hint);
  }

  #show(page: WelcomePage): void {
    this.#page = page;
    this.element.dataset["page"] = page;
    const content = { pair: () => this.#pairPage(), refused: () => this.#refusedPage(), waiting: () => this.#waitingPage(), empty: () => this.#emptyPage() }[page]();
    replace(this.element, el("div", { class: "welcome-card" }, ...content));
  }

  #pairPage(): readonly Node[] {
    return [mark(), this.#title, this.#hint, this.#known, steps(), linkForm(this.#actions.pair)];
  }

  #refusedPage(): readonly Node[] {
    return [
      badge("alert", "bad"), this.#title, this.#hint, steps(), linkForm(this.#actions.pair),
      el("div", { class: "row" }, button("Try again", this.#actions.tryAgain), button("Forget this machine", this.#actions.forget, "quiet danger-text")),
      this.#known,
    ];
  }

  #waitingPage(): readonly Node[] {
    return [el("div", { class: "spinner", "aria-hidden": "true" }), this.#title, this.#hint, el("div", { class: "row" }, button("Try now", this.#actions.wake)), this.#known];
  }

  #emptyPage(): readonly Node[] {
    return [mark(), this.#title, this.#hint, el("div", { class: "row" }, button("New terminal", this.#actions.create, "primary"))];
  }
}

const EMPTY = { title: "No terminals open", hint: "Terminals keep running while no page is open, and appear here again." };

function pageFor(connection: Connection): WelcomePage {
  if (connection.stage === "unpaired") return "pair";
  if (connection.stage === "refused") return "refused";
  return connection.stage === "ready" ? "empty" : "waiting";
}

function steps(): HTMLElement {
  return el(
    "ol", { class: "steps" },
    el("li", {}, "On the machine, run ", el("code", {}, "mobifai serve --lan"), ", or ", el("code", {}, "mobifai pair"), " if MobiFai is already running."),
    el("li", {}, "Point this phone’s camera at the QR code, and open the link."),
    el("li", {}, "Or copy the link below the code, and paste it here:"),
  );
}

function mark(): HTMLElement {
  return el("img", { class: "mark", src: "icons/icon.svg", alt: "", width: 72, height: 72 });
}

function badge(name: "alert", tone: string): HTMLElement {
  const element = el("div", { class: "badge" }, icon(name));
  element.dataset["tone"] = tone;
  return element;
}

function button(label: string, act: () => void, look = ""): HTMLElement {
  const element = el("button", { type: "button", class: look }, label);
  element.addEventListener("click", () => act());
  return element;
}
