/** Asking the agent how it is: one question at a time, which is answered or fails after a while. */

import type { Health } from "./types";

const PATIENCE_MS = 6000;

interface Waiting {
  resolve(health: Health): void;
  reject(error: Error): void;
  cancel(): void;
}

export class HealthRequests {
  #waiting: Waiting | null = null;
  #asked: Promise<Health> | null = null;

  constructor(private readonly environment: { after(milliseconds: number, call: () => void): () => void }) {}

  /** The answer. `send` asks; false when it can't. Whoever asks while one is under way shares its answer. */
  ask(send: () => boolean): Promise<Health> {
    if (this.#asked !== null) return this.#asked;
    this.#asked = new Promise((resolve, reject) => {
      const cancel = this.environment.after(PATIENCE_MS, () => this.fail("The machine did not answer in time."));
      this.#waiting = { resolve, reject, cancel };
    });
    const asked = this.#asked;
    if (!send()) this.fail("There is no connection to the machine now.");
    return asked;
  }

  answer(health: Health): void {
    this.#end()?.resolve(health);
  }

  fail(reason: string): void {
    this.#end()?.reject(new Error(reason));
  }

  #end(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = this.#asked = null;
    waiting?.cancel();
    return waiting;
  }
}
