/** The sheet of the status button: the connection in words, and what can be done about it. */

import { el, replace } from "../base/dom";
import { latency } from "../base/quantities";
import type { Store } from "../base/store";
import type { AppState } from "../state";
import { phraseFor } from "../status/phrases";
import { openSheet } from "./sheet";

export interface ConnectionActions {
  wake(): void;
  health(): void;
  machines(): void;
  forget(): void;
}

export function openConnection(store: Store<AppState>, actions: ConnectionActions): void {
  const words = el("div");
  const buttons = el("div", { class: "stack" });
  const sheet = openSheet("Connection", words, buttons);
  const add = (label: string, act: () => void, look = ""): void => {
    const button = el("button", { type: "button", class: look }, label);
    sheet.scope.listen(button, "click", () => {
      sheet.close();
      act();
    });
    buttons.append(button);
  };
  add("Agent health", actions.health);
  add("Check the connection now", actions.wake);
  add("Machines", actions.machines);
  add("Forget this machine…", actions.forget, "quiet danger-text");
  sheet.scope.add(store.subscribe((state) => draw(words, state)));
}

function draw(words: HTMLElement, { connection, machines }: AppState): void {
  const phrase = phraseFor(connection);
  const fact = (name: string, value: string | null): HTMLElement | null => (value === null ? null : el("div", { class: "fact" }, el("dt", {}, name), el("dd", {}, value)));
  const path = connection.path === null ? null : connection.path === "channel" ? "Direct (data channel)" : "Through the relay";
  replace(
    words,
    el("p", { class: "lead" }, phrase.title, ". ", connection.stage === "ready" ? "" : phrase.hint),
    el(
      "dl", { class: "facts" },
      fact("Machine", connection.machine), fact("Key of the machine", machines.find(({ isUsed }) => isUsed)?.fingerprint ?? null), fact("Path", path),
      fact("Round trip", connection.latencyMs === null ? null : latency(connection.latencyMs)), fact("Waiting for", connection.waitingFor),
    ),
    connection.problem !== null && el("p", { class: "caution" }, connection.problem),
  );
}
