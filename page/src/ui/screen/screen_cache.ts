/**
 * The terminals that have a picture. At most MAX_SCREENS; the one that was hidden for longest is thrown away first.
 */

import type { Screen } from "./screen";

export const MAX_SCREENS = 4;

export class ScreenCache {
  /** From the longest hidden to the shown one. */
  readonly #kept = new Map<string, Screen>(); // bounded by MAX_SCREENS
  readonly #dropped: (uuid: string) => void;

  /** `dropped` is told of each picture that was thrown away to save memory. */
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

  /** Makes `uuid` the last one to be thrown away; `make` is asked when there is no picture of it. */
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
