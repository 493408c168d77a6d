/**
 * Keeps a terminal from answering what was asked long ago.
 *
 * A kept screen holds the questions that programs once put (DA, DSR, colours, focus). xterm answers them as it parses,
 * and an answer now would be typed into whatever runs. So while a replayed screen is parsed, only what a person
 * caused goes through.
 */

import type { Scope } from "../base/scope";

/** What answers look like (reports end in c, n, R, t, y; focus in I or O; colours and strings by OSC and DCS). */
const REPLY = /^\u001b(?:\[[?>=]?[\d;]*\$?[cnRtyIO]$|\]|P)/;
const CAUSES = ["keydown", "keypress", "keyup", "input", "compositionend", "paste", "mousedown", "mouseup", "mousemove", "wheel"] as const;

/** Whether the running task is one that a person caused. */
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

  /** To be called when the parser comes to a replayed screen, and when it is through. */
  enter(): void {
    this.#parsing += 1;
  }

  leave(): void {
    this.#parsing = Math.max(0, this.#parsing - 1);
  }

  /** Whether what the terminal wants to send may be typed. */
  lets(data: string): boolean {
    return this.#parsing === 0 || (this.#activity.active && !REPLY.test(data));
  }
}
