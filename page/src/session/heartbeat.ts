/** Whether the path to the agent is alive, and how long a message takes there and back: by `system:echo`. */

const EACH_MS = 5000;
/** How long an answer may take while nothing is suspected, and on waking from sleep. */
const PATIENT_MS = 10_000;
const SOON_MS = 1500;

export interface HeartbeatEnvironment {
  now(): number;
  after(milliseconds: number, call: () => void): () => void;
  isVisible(): boolean;
  /** Send an echo; false when there is no path. */
  send(nonce: string): boolean;
  /** An answer came after so many milliseconds. */
  beat(milliseconds: number): void;
  /** None came. */
  dead(): void;
}

export class Heartbeat {
  #number = 0;
  #sentAt = 0;
  #waitsFor: string | null = null;
  #cancelNext: () => void = () => undefined;
  #cancelWait: () => void = () => undefined;

  constructor(private readonly of: HeartbeatEnvironment) {}

  /** Begin, on a path that is new. */
  start(): void {
    this.stop();
    this.#ask(PATIENT_MS);
  }

  /** See at once. */
  check(): void {
    this.#cancelNext();
    this.#cancelWait();
    this.#ask(SOON_MS);
  }

  stop(): void {
    this.#cancelNext();
    this.#cancelWait();
    this.#waitsFor = null;
  }

  #ask(patience: number): void {
    this.#number += 1;
    const nonce = `page-${this.#number}`;
    this.#sentAt = this.of.now();
    if (!this.of.send(nonce)) return;
    this.#waitsFor = nonce;
    this.#cancelWait = this.of.after(patience, () => {
      this.#waitsFor = null;
      this.of.dead();
    });
  }

  echoed(nonce: unknown): void {
    if (nonce !== this.#waitsFor) return;
    this.#waitsFor = null;
    this.#cancelWait();
    this.of.beat(this.of.now() - this.#sentAt);
    this.#later();
  }

  #later(): void {
    this.#cancelNext = this.of.after(EACH_MS, () => {
      if (this.of.isVisible()) this.#ask(PATIENT_MS);
      else this.#later();
    });
  }
}
