/** Repeats an action while a key is held. Owns its timer. */

export const REPEAT_DELAY_MS = 380;
export const REPEAT_EVERY_MS = 55;

export class Repeat {
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Run `action` now, and repeatedly until `stop`. */
  start(action: () => void): void {
    this.stop();
    action();
    this.#timer = setTimeout(() => this.#again(action), REPEAT_DELAY_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #again(action: () => void): void {
    action();
    this.#timer = setTimeout(() => this.#again(action), REPEAT_EVERY_MS);
  }
}
