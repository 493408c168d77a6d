/** A cache of the screens of terminals: at most MAX_SCREENS, evicted in the order in which they were last shown. */

import type { Screen } from "./screen";

export const MAX_SCREENS = 4;

export class ScreenCache {
  /** From the least recently to the most recently shown. */
  readonly #kept = new Map<string, Screen>(); // bounded by MAX_SCREENS
  readonly #dropped: (uuid: string) => void;

  /** `dropped` is called for each screen that was evicted. */
  constructor(dropped: (uuid: string) => void) {
    this.#dropped = dropped;
  }

  get(uuid: string): Screen | undefined {
    return this.#kept.get(uuid);
  }

  get all(): IterableIterator<[string, Screen]> {
    return this.#kept.entries();
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Return a screen, created by `make` if there is none, and mark it as used last. */
  use(uuid: string, make: () => Screen): Screen {
    const screen = this.#kept.get(uuid) ?? make();
    this.#kept.delete(uuid);
    this.#kept.set(uuid, screen);
    this.#trim();
    return screen;
  }

  end(uuid: string): void {
    this.#kept.get(uuid)?.end();
    this.#kept.delete(uuid);
  }

  endAll(): void {
    for (const uuid of [...this.#kept.keys()]) this.end(uuid);
  }

  #trim(): void {
    while (this.#kept.size > MAX_SCREENS) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.end(oldest);
      this.#dropped(oldest);
    }
  }
}
