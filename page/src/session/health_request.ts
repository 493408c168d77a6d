/** Requests for the agent's health: one at a time, which is answered or times out. */

import type { Health } from "./types";

const TIMEOUT_MS = 6000;

interface PendingRequest {
  resolve(health: Health): void;
  reject(error: Error): void;
  cancel(): void;
}

export class HealthRequests {
  #pending: PendingRequest | null = null;
  #promise: Promise<Health> | null = null;

  constructor(private readonly environment: { after(milliseconds: number, call: () => void): () => void }) {}

  /** Return the answer. `send` sends the request, and returns whether it could. Concurrent calls share one request. */
  ask(send: () => boolean): Promise<Health> {
    if (this.#promise !== null) return this.#promise;
    this.#promise = new Promise((resolve, reject) => {
      const cancel = this.environment.after(TIMEOUT_MS, () => this.fail("The machine did not answer in time."));
      this.#pending = { resolve, reject, cancel };
    });
    const promise = this.#promise;
    if (!send()) this.fail("Not sent: this page is not connected to the machine.");
    return promise;
  }

  answer(health: Health): void {
    this.#end()?.resolve(health);
  }

  fail(reason: string): void {
    this.#end()?.reject(new Error(reason));
  }

  #end(): PendingRequest | null {
    const pending = this.#pending;
    this.#pending = this.#promise = null;
    pending?.cancel();
    return pending;
  }
}
