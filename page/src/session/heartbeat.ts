/** Checks that the path to the agent is alive, and measures its round-trip time, with `system:echo`. */

const INTERVAL_MS = 5000;
/** How long an answer may take on a path that is believed to be alive. */
const TIMEOUT_MS = 10_000;
/** How long an answer may take when the path may be dead, such as after sleep. */
const SHORT_TIMEOUT_MS = 1500;

export interface HeartbeatEnvironment {
  now(): number;
  after(milliseconds: number, call: () => void): () => void;
  isVisible(): boolean;
  /** Send an echo. Returns false when there is no path. */
  send(nonce: string): boolean;
  /** An answer arrived after this many milliseconds. */
  answered(milliseconds: number): void;
  /** No answer arrived in time. */
  timedOut(): void;
}

export class Heartbeat {
  #count = 0;
  #sentAt = 0;
  /** The nonce of the echo whose answer is awaited. */
  #awaited: string | null = null;
  #cancelNext: () => void = () => undefined;
  #cancelTimeout: () => void = () => undefined;

  constructor(private readonly environment: HeartbeatEnvironment) {}

  /** Start checking a new path. */
  start(): void {
    this.stop();
    this.#send(TIMEOUT_MS);
  }

  /** Send an echo now, since the path may be dead. */
  check(): void {
    this.#cancelNext();
    this.#cancelTimeout();
    this.#send(SHORT_TIMEOUT_MS);
  }

  stop(): void {
    this.#cancelNext();
    this.#cancelTimeout();
    this.#awaited = null;
  }

  echoed(nonce: unknown): void {
    if (nonce !== this.#awaited) return;
    this.#awaited = null;
    this.#cancelTimeout();
    this.environment.answered(this.environment.now() - this.#sentAt);
    this.#scheduleNext();
  }

  #send(timeout: number): void {
    this.#count += 1;
    const nonce = `page-${this.#count}`;
    this.#sentAt = this.environment.now();
    if (!this.environment.send(nonce)) return;
    this.#awaited = nonce;
    this.#cancelTimeout = this.environment.after(timeout, () => {
      this.#awaited = null;
      this.environment.timedOut();
    });
  }

  /** Plan the next echo. A page that is not visible sends none. */
  #scheduleNext(): void {
    this.#cancelNext = this.environment.after(INTERVAL_MS, () => {
      if (this.environment.isVisible()) this.#send(TIMEOUT_MS);
      else this.#scheduleNext();
    });
  }
}
