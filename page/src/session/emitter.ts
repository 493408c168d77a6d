/** Listeners of a session. One that fails does not keep the others from hearing. */

import type { SessionEvents } from "./types";

type Listener = (...heard: never[]) => void;

export class Emitter {
  readonly #listeners = new Map<keyof SessionEvents, Set<Listener>>(); // bounded by the views

  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit<K extends keyof SessionEvents>(event: K, ...told: Parameters<SessionEvents[K]>): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (...heard: unknown[]) => void)(...told);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // for the console
        });
      }
    }
  }
}
