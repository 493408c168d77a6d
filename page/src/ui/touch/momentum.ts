/** The momentum of a scroll after the finger was lifted. Pure: times come in, distances go out. */

const TIME_CONSTANT_MS = 325;
const SLOWEST = 0.03; // pixels per millisecond; a slower movement is not visible
const FASTEST = 6;
const WINDOW_MS = 90;
const MAX_SAMPLES = 32;

/** The speed of a finger, from its last positions. */
export class Speed {
  #samples: { at: number; y: number }[] = []; // bounded by MAX_SAMPLES

  add(at: number, y: number): void {
    this.#samples.push({ at, y });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  clear(): void {
    this.#samples = [];
  }

  /** Return pixels per millisecond at the time `now`; 0 after a pause. */
  at(now: number): number {
    const recent = this.#samples.filter((sample) => now - sample.at <= WINDOW_MS);
    const first = recent[0];
    const last = recent[recent.length - 1];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return (last.y - first.y) / (last.at - first.at);
  }
}

export class Momentum {
  #speed = 0;
  #last = 0;

  get moving(): boolean {
    return this.#speed !== 0;
  }

  start(speed: number, now: number): void {
    const bounded = Math.max(-FASTEST, Math.min(FASTEST, speed));
    this.#speed = Math.abs(bounded) < SLOWEST ? 0 : bounded;
    this.#last = now;
  }

  stop(): void {
    this.#speed = 0;
  }

  /** Return the distance since the last step. */
  step(now: number): number {
    const elapsed = Math.max(0, now - this.#last);
    this.#last = now;
    const fade = Math.exp(-elapsed / TIME_CONSTANT_MS);
    const distance = this.#speed * TIME_CONSTANT_MS * (1 - fade);
    this.#speed *= fade;
    if (Math.abs(this.#speed) < SLOWEST) this.#speed = 0;
    return distance;
  }
}

/** Converts distances in pixels to whole lines. The remainder counts for the next distance. */
export class Lines {
  #rest = 0;

  clear(): void {
    this.#rest = 0;
  }

  take(distance: number, lineHeight: number): number {
    if (!(lineHeight > 0)) return 0;
    this.#rest += distance;
    const lines = Math.trunc(this.#rest / lineHeight);
    this.#rest -= lines * lineHeight;
    return lines === 0 ? 0 : lines;
  }
}
