/** The connection at a glance: its path and latency, or what it waits for. */

import type { Connection } from "../../session/types";
import { el, replace, setText } from "../base/dom";
import { icon, type IconName } from "../base/icons";
import { pathWord, phraseFor, shortState } from "./phrases";

export class StatusButton {
  readonly element = el("button", { class: "status", type: "button" });
  readonly #picture = el("span", { class: "status-picture" });
  readonly #words = el("span", { class: "status-words" });
  #drawn = "";

  constructor() {
    this.element.append(this.#picture, this.#words);
  }

  render(connection: Connection): void {
    const phrase = phraseFor(connection);
    this.element.dataset["tone"] = phrase.tone;
    this.element.classList.toggle("busy", phrase.busy);
    setText(this.#words, shortState(connection));
    this.element.setAttribute("aria-label", `Connection: ${phrase.title}. ${phrase.hint}`);
    this.element.title = [phrase.title, pathWord(connection)].filter(Boolean).join(", ");
    this.#draw(pictureFor(connection));
  }

  #draw(name: IconName): void {
    if (this.#drawn === name) return;
    this.#drawn = name;
    replace(this.#picture, icon(name));
  }
}

function pictureFor(connection: Connection): IconName {
  if (connection.stage === "ready") return connection.path === "relay" ? "relay" : "direct";
  return connection.stage === "refused" || connection.stage === "offline" ? "alert" : "refresh";
}
