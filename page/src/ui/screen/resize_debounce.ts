/**
 * Debounces the size of a terminal while the layout changes (rotation, soft keyboard): the last size is applied once the
 * layout is stable, and the same size is not applied twice.
 */

export interface Size {
  readonly cols: number;
  readonly rows: number;
}

export interface Timers {
  set(action: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export const BROWSER_TIMERS: Timers = {
  set: (action, ms) => setTimeout(action, ms),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

export const SETTLE_MS = 140;
export const SMALLEST: Size = { cols: 2, rows: 1 };
export const LARGEST: Size = { cols: 500, rows: 300 };

export function usable(size: Size | null | undefined): Size | null {
  if (!size || !Number.isFinite(size.cols) || !Number.isFinite(size.rows)) return null;
  const cols = Math.floor(size.cols);
  const rows = Math.floor(size.rows);
  if (cols < SMALLEST.cols || rows < SMALLEST.rows) return null;
  return { cols: Math.min(cols, LARGEST.cols), rows: Math.min(rows, LARGEST.rows) };
}

export class ResizeDebounce {
  readonly #measure: () => Size | null;
  readonly #apply: (size: Size) => void;
  readonly #timers: Timers;
  #timer: unknown = null;
  #applied: Size | null = null;

  /** `measure` returns the size of a stable layout; null while it can't be measured. */
  constructor(measure: () => Size | null, apply: (size: Size) => void, timers: Timers = BROWSER_TIMERS) {
    this.#measure = measure;
    this.#apply = apply;
    this.#timers = timers;
  }

  /** Measure again once the layout is stable, since it changed. */
  layoutChanged(): void {
    this.stop();
    this.#timer = this.#timers.set(() => this.flush(), SETTLE_MS);
  }

  /** Measure and apply the size now, since a hidden terminal is shown. */
  flush(): void {
    this.stop();
    const size = usable(this.#measure());
    if (size === null || (this.#applied?.cols === size.cols && this.#applied.rows === size.rows)) return;
    this.#applied = size;
    this.#apply(size);
  }

  /** Remember a size that the agent was already given. */
  markSent(size: Size): void {
    this.#applied = size;
  }

  /** Forget the sent size, so that the next one is sent even if it is the same. */
  invalidate(): void {
    this.#applied = null;
  }

  stop(): void {
    if (this.#timer !== null) this.#timers.clear(this.#timer);
    this.#timer = null;
  }
}
