/** The delay before the next attempt: short at first, doubled each time, and random so that pages do not reconnect in step. */

const FIRST_MS = 300;
const MAX_DELAY_MS = 10_000;

export class Backoff {
  #next = FIRST_MS;

  constructor(private readonly random: () => number) {}

  /** Return the delay in milliseconds, and double the next one. */
  wait(): number {
    const wait = this.#next * (0.5 + this.random() / 2);
    this.#next = Math.min(this.#next * 2, MAX_DELAY_MS);
    return wait;
  }

  /** Make the next delay short again, since an attempt succeeded. */
  reset(): void {
    this.#next = FIRST_MS;
  }
}
