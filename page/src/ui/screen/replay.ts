/**
 * Prevents a terminal from answering old queries.
 *
 * A replayed screen contains the queries that programs once sent (DA, DSR, colours, focus). xterm answers them as it
 * parses them, and the answers would be typed into the program that runs now. So while a replayed screen is parsed, only
 * what a user caused is sent.
 */

import type { Scope } from "../base/scope";

/** The form of answers: reports end in c, n, R, t or y, focus reports in I or O; colours and strings come as OSC and DCS. */
const REPLY = /^\u001b(?:\[[?>=]?[\d;]*\$?[cnRtyIO]$|\]|P)/;
const CAUSES = ["keydown", "keypress", "keyup", "input", "compositionend", "paste", "mousedown", "mouseup", "mousemove", "wheel"] as const;

/** Tracks whether a user caused the running task. */
export class UserActivity {
  #active = 0;

  constructor(element: EventTarget, scope: Scope) {
    for (const type of CAUSES) scope.listen(element, type, () => this.#enter(), { capture: true, passive: true });
  }

  get active(): boolean {
    return this.#active > 0;
  }

  #enter(): void {
    this.#active += 1;
    setTimeout(() => (this.#active -= 1));
  }
}

export class ReplayGate {
  #parsing = 0;
  readonly #activity: { readonly active: boolean };

  constructor(activity: { readonly active: boolean }) {
    this.#activity = activity;
  }

  get replaying(): boolean {
    return this.#parsing > 0;
  }

  /** Record that the parser has reached the start of a replayed screen. */
  enter(): void {
    this.#parsing += 1;
  }

  /** Record that the parser has reached its end. */
  leave(): void {
    this.#parsing = Math.max(0, this.#parsing - 1);
  }

  /** Whether the terminal may send this text. */
  allows(data: string): boolean {
    return this.#parsing === 0 || (this.#activity.active && !REPLY.test(data));
  }
}
