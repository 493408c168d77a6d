/** The listeners of a session. One that throws does not stop the others. */

import type { SessionEvents } from "./types";

type Listener = (...given: never[]) => void;

export class Emitter {
  readonly #listeners = new Map<keyof SessionEvents, Set<Listener>>(); // bounded by the views

  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit<K extends keyof SessionEvents>(event: K, ...given: Parameters<SessionEvents[K]>): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (...given: unknown[]) => void)(...given);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // reported on the console
        });
      }
    }
  }
}
