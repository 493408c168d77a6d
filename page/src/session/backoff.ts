/** How long to wait until the next try: at once first, then longer each time, never in step with others. */

const FIRST_MS = 300;
const LONGEST_MS = 10_000;

export class Backoff {
  #next = FIRST_MS;

  constructor(private readonly random: () => number) {}

  /** Milliseconds to wait now. */
  wait(): number {
    const wait = this.#next * (0.5 + this.random() / 2);
    this.#next = Math.min(this.#next * 2, LONGEST_MS);
    return wait;
  }

  /** A try was a good one. */
  reset(): void {
    this.#next = FIRST_MS;
  }
}
