/**
 * Owns what must end with a view: listeners, timers, subscriptions. Ending twice is ending once.
 *
 * What a scope holds is bounded by its view, which adds a fixed number of things; timers leave when they have fired.
 */

type End = () => void;

export class Scope {
  readonly #ends = new Set<End>();
  #over = false;

  get over(): boolean {
    return this.#over;
  }

  /** Calls `end` when the scope ends; what is returned takes it out again without calling it. */
  add(end: End): End {
    if (this.#over) end();
    else this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  listen<K extends keyof HTMLElementEventMap>(target: EventTarget, type: K, listener: (event: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions): void;
  listen(target: EventTarget, type: string, listener: (event: Event) => void, options?: AddEventListenerOptions): void;
  listen(target: EventTarget, type: string, listener: (event: never) => void, options?: AddEventListenerOptions): void {
    const heard = listener as EventListener;
    target.addEventListener(type, heard, options);
    this.add(() => target.removeEventListener(type, heard, options));
  }

  /** Calls `action` once after `ms`; what is returned calls it off. */
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
    this.#over = true;
    const ends = [...this.#ends].reverse();
    this.#ends.clear();
    for (const end of ends) end();
  }
}
