/** A clock for tests, which stands still until it is advanced. */

interface Timer {
  readonly at: number;
  readonly call: () => void;
}

export class Clock {
  #now = 1000;
  #timers: Timer[] = [];

  readonly now = (): number => this.#now;

  readonly after = (milliseconds: number, call: () => void): (() => void) => {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };

  /** The number of pending calls. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Return the milliseconds until the next call; null when none is pending. */
  get next(): number | null {
    return this.#timers.length === 0 ? null : Math.min(...this.#timers.map(({ at }) => at)) - this.#now;
  }

  /** Advance to the next call that is due by then, and make it. Returns false when there is none. */
  step(until: number): boolean {
    const [first] = [...this.#timers].sort((one, other) => one.at - other.at);
    if (first === undefined || first.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#now = Math.max(this.#now, first.at);
    this.#timers = this.#timers.filter((one) => one !== first);
    first.call();
    return true;
  }
}
