/** The agent's health: its memory, and the use of each of its limits. Refreshes while it is open. */

import type { BoundState, Health } from "../../session/types";
import { el, replace, setText } from "../base/dom";
import { amount, bytes, quantity } from "../base/quantities";
import { sentence } from "../status/link_form";
import { openSheet } from "./sheet";

const REFRESH_MS = 5_000;
/** The most limits that are drawn; an agent has about fifty. */
const MAX_BOUNDS = 300;

export function openHealth(ask: () => Promise<Health>): void {
  const content = el("div", {}, el("p", { class: "lead" }, "Asking the machine…"));
  const problem = el("p", { class: "problem", role: "alert" });
  const sheet = openSheet("Agent health", problem, content);
  let asking = false;
  const refresh = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      const health = await ask();
      setText(problem, "");
      if (!sheet.scope.hasEnded) draw(content, health);
    } catch (reason) {
      setText(problem, sentence(reason));
    } finally {
      asking = false;
    }
  };
  sheet.scope.every(REFRESH_MS, () => void refresh());
  void refresh();
}

function draw(content: HTMLElement, health: Health): void {
  const scrolled = content.querySelector(".table-frame")?.scrollLeft ?? 0;
  replace(content, memory(health), facts(health), table(health.bounds));
  content.querySelector(".table-frame")?.scrollTo({ left: scrolled });
}

function memory(health: Health): HTMLElement {
  const limit = health.memoryLimitBytes;
  const meter = el("meter", { min: 0, max: limit || 1, high: limit * 0.8, optimum: 0, value: health.memoryBytes, "aria-label": "Memory" });
  const words = limit > 0 ? `${bytes(health.memoryBytes)} of ${bytes(limit)}` : bytes(health.memoryBytes);
  return el("div", { class: "memory" }, el("div", { class: "memory-words" }, el("span", {}, "Memory"), el("strong", {}, words)), meter);
}

function facts(health: Health): HTMLElement {
  const fact = (name: string, value: string): HTMLElement => el("div", { class: "fact" }, el("dt", {}, name), el("dd", {}, value));
  // an older agent sends no facts
  return el("dl", { class: "facts" }, ...(health.facts ?? []).map(({ label, value, unit }) => fact(label, quantity(value, unit))));
}

function table(bounds: readonly BoundState[]): HTMLElement {
  const sorted = [...bounds].sort((one, other) => fullness(other) - fullness(one)).slice(0, MAX_BOUNDS);
  const head = el("tr", {}, ...["Limit", "Used", "Peak", "Maximum"].map((name) => el("th", { scope: "col" }, name)));
  return el(
    "div", { class: "table-frame", tabindex: 0, role: "region", "aria-label": "Limits" },
    el("table", {}, el("thead", {}, head), el("tbody", {}, ...sorted.map(row))),
  );
}

function row(bound: BoundState): HTMLElement {
  const cell = (value: number): HTMLElement => el("td", {}, amount(value, bound.unit));
  const lost = [bound.refused > 0 && `${bound.refused} refused`, bound.evicted > 0 && `${bound.evicted} evicted`].filter(Boolean).join(", ");
  const unit = bound.unit === "bytes" ? "" : bound.unit;
  const name = el("th", { scope: "row" }, breakable(bound.name), el("small", {}, [unit, lost].filter(Boolean).join(" · ")));
  const line = el("tr", {}, name, cell(bound.used), cell(bound.peak), cell(bound.capacity));
  if (fullness(bound) >= 0.9) line.classList.add("full");
  return line;
}

/** A name that may wrap after its dots. */
function breakable(name: string): string {
  return name.replace(/[._]/g, "$&\u200b");
}

function fullness(bound: BoundState): number {
  return bound.capacity > 0 ? bound.peak / bound.capacity : 0;
}
