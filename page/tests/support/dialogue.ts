/** A dialogue with a state machine: events go in, and the commands that come out are compared with what is expected. */

import { expect } from "vitest";

export interface Machine<Command> {
  readonly stage: string;
  receive(event: string, payload: unknown): readonly Command[];
}

export class Dialogue<Command> {
  #out: readonly string[] = [];

  /** `describe` puts a command into a few words. */
  constructor(
    readonly machine: Machine<Command>,
    private readonly describe: (command: Command) => string,
  ) {}

  in(event: string, payload: unknown = null): this {
    this.#out = this.machine.receive(event, payload).map(this.describe);
    return this;
  }

  out(...expected: readonly string[]): this {
    expect(this.#out).toEqual(expected);
    return this;
  }

  stage(expected: string): this {
    expect(this.machine.stage).toBe(expected);
    return this;
  }
}
