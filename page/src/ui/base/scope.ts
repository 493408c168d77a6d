/**
 * Owns what must end with a view: listeners, timers, subscriptions. Ending is idempotent.
 *
 * A scope is bounded by its view, which adds a fixed number of things. Timers are removed when they have fired.
 */

type End = () => void;

export class Scope {
  readonly #ends = new Set<End>();
  #hasEnded = false;

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Call `end` when the scope ends. Returns a function that removes it without calling it. */
  add(end: End): End {
    if (this.#hasEnded) end();
    else this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  listen<K extends keyof HTMLElementEventMap>(target: EventTarget, type: K, listener: (event: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions): void;
  listen(target: EventTarget, type: string, listener: (event: Event) => void, options?: AddEventListenerOptions): void;
  listen(target: EventTarget, type: string, listener: (event: never) => void, options?: AddEventListenerOptions): void {
    const handler = listener as EventListener;
    target.addEventListener(type, handler, options);
    this.add(() => target.removeEventListener(type, handler, options));
  }

  /** Call `action` once after `ms`. Returns a function that cancels it. */
  after(ms: number, action: () => void): End {
    const timer = setTimeout(() => {
      leave();
      action();
    }, ms);
    const leave = this.add(() => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      leave();
    };
  }

  every(ms: number, action: () => void): End {
    const timer = setInterval(action, ms);
    const leave = this.add(() => clearInterval(timer));
    return () => {
      clearInterval(timer);
      leave();
    };
  }

  end(): void {
    this.#hasEnded = true;
    const ends = [...this.#ends].reverse();
    this.#ends.clear();
    for (const end of ends) end();
  }
}
