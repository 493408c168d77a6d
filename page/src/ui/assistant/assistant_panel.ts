/** The assistant of the shown terminal: the conversation, the actions that need approval, and a field for the next prompt. */

import { el, replace, setText } from "../base/dom";
import { icon } from "../base/icons";
import type { Scope } from "../base/scope";
import type { AppState } from "../state";
import { ApprovalCards } from "./approval_cards";
import { type Conversation, type Entry, SILENT } from "./conversations";

export interface AssistantActions {
  prompt(text: string): void;
  cancel(): void;
  approve(id: string, ok: boolean): void;
  close(): void;
}

const MAX_PROMPT = 8_000;

export class AssistantPanel {
  readonly element = el("section", { class: "assistant", "aria-label": "Assistant", hidden: true });
  readonly #log = el("div", { class: "log", role: "log", "aria-live": "polite", tabindex: 0, "aria-label": "Conversation with the assistant" });
  readonly #cards: ApprovalCards;
  readonly #field = el("textarea", { rows: 1, maxlength: MAX_PROMPT, placeholder: "What should I do here?", "aria-label": "Ask the assistant", enterkeyhint: "send" });
  readonly #send = el("button", { class: "square primary", "aria-label": "Send" }, icon("send"));
  readonly #stop = el("button", { class: "square", type: "button", "aria-label": "Stop the assistant" }, icon("stop"));
  readonly #actions: AssistantActions;
  #drawn: Conversation | null = null;

  constructor(actions: AssistantActions, scope: Scope) {
    this.#actions = actions;
    this.#cards = new ApprovalCards((id, ok) => actions.approve(id, ok), scope);
    const form = el("form", { class: "prompt-line" }, this.#field, this.#stop, this.#send);
    const close = el("button", { class: "plain", type: "button", "aria-label": "Close the assistant" }, icon("close"));
    this.element.append(el("header", {}, icon("spark"), el("h2", {}, "Assistant"), close), this.#log, this.#cards.element, form);
    scope.listen(form, "submit", (event) => this.#submit(event));
    scope.listen(close, "click", () => actions.close());
    scope.listen(this.#stop, "click", () => actions.cancel());
    scope.listen(this.#field, "input", () => this.#grow());
    scope.listen(this.#field, "keydown", (event) => this.#key(event));
  }

  render(state: AppState): void {
    this.element.hidden = !state.asking || state.shown === null;
    if (this.element.hidden) return;
    const conversation = state.assistant.conversations[state.shown ?? ""] ?? SILENT;
    this.#stop.hidden = !conversation.running;
    this.#cards.render(state.assistant.approvals, state.shown, state.tabs);
    if (this.#drawn !== conversation) this.#draw(conversation);
  }

  focus(): void {
    this.#field.focus();
  }

  #draw(conversation: Conversation): void {
    const follows = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const before = this.#drawn;
    this.#drawn = conversation;
    const grown = before !== null && before.dropped === conversation.dropped && before.entries.every((entry, index) => entry === conversation.entries[index]);
    if (grown) this.#log.append(...conversation.entries.slice(before.entries.length).map(line));
    else replace(this.#log, conversation.dropped > 0 && el("p", { class: "hint" }, `${conversation.dropped} older lines were dropped.`), ...conversation.entries.map(line));
    this.#log.hidden = conversation.entries.length === 0;
    if (follows) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #submit(event: Event): void {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (text === "") return;
    this.#actions.prompt(text);
    this.#field.value = "";
    this.#grow();
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.#actions.close();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
  }

  #grow(): void {
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(120, this.#field.scrollHeight + 2)}px`;
  }
}

function line(entry: Entry): HTMLElement {
  const element = el("div", { class: `entry ${entry.kind}` });
  if (entry.kind === "step") {
    setText(element, entry.text);
    if (entry.risk !== null) element.append(el("span", { class: "risk" }, icon("warning"), entry.risk));
    return element;
  }
  if (entry.kind === "end" && entry.bad) element.classList.add("bad");
  if (entry.kind === "message" && entry.notice) element.classList.add("notice-line");
  setText(element, entry.text);
  return element;
}
