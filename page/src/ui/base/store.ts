/** Holds the state that views render, as immutable values. */

export type StateListener<S> = (state: S, before: S) => void;

export class Store<S extends object> {
  #state: S;
  readonly #listeners = new Set<StateListener<S>>(); // bounded by the views, each of which listens once

  constructor(state: S) {
    this.#state = state;
  }

  get state(): S {
    return this.#state;
  }

  set(changes: Partial<S>): void {
    const before = this.#state;
    if ((Object.keys(changes) as (keyof S)[]).every((key) => Object.is(before[key], changes[key]))) return;
    this.#state = { ...before, ...changes };
    for (const listener of [...this.#listeners]) listener(this.#state, before);
  }

  /** Call `listener` now and on each change. Returns a function that stops it. */
  subscribe(listener: StateListener<S>): () => void {
    this.#listeners.add(listener);
    listener(this.#state, this.#state);
    return () => void this.#listeners.delete(listener);
  }
}
