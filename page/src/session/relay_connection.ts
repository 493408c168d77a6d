/**
 * Keeps a connection to the relay for the chosen machine: connects, and reconnects with a growing delay.
 *
 * Owns the current `RelaySession`, and decides with which credentials each attempt is made.
 */

import type { Environment } from "../platform/environment";
import type { Frame } from "../protocol/frame";
import type { Introduction } from "../protocol/messages";
import type { Ending } from "../transport/pairing_endings";
import { type Progress, RelaySession } from "../transport/relay_session";
import { type Attempt, Attempts } from "./attempts";
import { Backoff } from "./backoff";
import type { Machine } from "./machines";
import type { PageStorage } from "./page_storage";

/** How long one set of credentials waits for the machine before the other one is tried. */
const TURN_MS = 15_000;

export interface RelayConnectionListener {
  progress(progress: Progress, problem: string | null): void;
  secured(peer: Introduction): void;
  received(frame: Frame): void;
  settings(settings: unknown): void;
  /** The connection ended, for this reason. */
  ended(problem: string | null): void;
  /** `leave` ended the connection. */
  left(): void;
  /** Whether the agent is reached without the relay, so that a reconnection can wait. */
  isReachedOtherwise(): boolean;
}

export class RelayConnection {
  readonly #backoff: Backoff;
  readonly #attempts = new Attempts();
  #session: RelaySession | null = null;
  #progress: Progress = "offline";
  #isRefused = false;
  #isOpen = false;
  #attemptedAt = 0;
  #cancelReconnect: () => void = () => undefined;
  #cancelTurn: () => void = () => undefined;

  constructor(
    private readonly environment: Environment,
    private readonly storage: PageStorage,
    private readonly listener: RelayConnectionListener,
  ) {
    this.#backoff = new Backoff(environment.random);
  }

  get session(): RelaySession | null {
    return this.#session;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Whether the machine or the relay refused this browser, so that reconnecting is useless. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Milliseconds since the last attempt began. */
  get attemptAge(): number {
    return this.environment.now() - this.#attemptedAt;
  }

  /** Connect, and stay connected until `close`. */
  open(): void {
    this.#isOpen = true;
    this.#connect();
  }

  close(): void {
    this.#isOpen = false;
    this.leave();
  }

  /** Try all credentials again, also those that were refused. */
  reset(): void {
    this.#attempts.reset();
    this.#isRefused = false;
  }

  /** End the connection and begin another one now. */
  reconnect(): void {
    this.#backoff.reset();
    this.leave();
    this.#connect();
  }

  /** End the connection. No reconnection is planned. */
  leave(): void {
    this.#cancelReconnect();
    this.#cancelTurn();
    const session = this.#session;
    this.#session = null;
    this.#progress = "offline";
    session?.close();
    this.listener.left();
  }

  #connect(): void {
    const { machine } = this.storage;
    if (!this.#isOpen || this.#session !== null || machine === null) return;
    this.#cancelReconnect();
    this.#isRefused = false;
    this.#progress = "offline";
    this.#attemptedAt = this.environment.now();
    const { id } = machine;
    const attempt = this.#attempts.next(machine);
    const session: RelaySession = new RelaySession(this.environment, machine, attempt, {
      progress: (progress, problem) => this.#progressed(progress, problem),
      signedIn: (token) => this.#update(id, (known) => this.#attempts.signedIn(attempt, token, known)),
      secured: (peer) => this.#secured(peer),
      proven: () => this.#update(id, (known) => this.#attempts.proven(attempt, known)),
      received: (frame) => this.listener.received(frame),
      settings: (settings) => this.listener.settings(settings),
      ended: (ending) => this.#ended(session, attempt, ending),
    });
    this.#session = session;
  }

  /** Change what is stored of a machine. */
  #update(id: string, change: (machine: Machine) => Partial<Machine>): void {
    const machine = this.storage.machines.find((one) => one.id === id);
    if (machine !== undefined) this.storage.change(id, change(machine));
  }

  #progressed(progress: Progress, problem: string | null): void {
    this.#progress = progress;
    this.#cancelTurn();
    if (progress === "waiting" && this.storage.machine?.renewal) this.#cancelTurn = this.environment.after(TURN_MS, () => this.#session?.close());
    this.listener.progress(progress, problem);
  }

  #secured(peer: Introduction): void {
    this.#backoff.reset();
    this.listener.secured(peer);
  }

  #ended(session: RelaySession, attempt: Attempt, ending: Ending): void {
    if (this.#session !== session) return;
    this.#isRefused = this.#attempts.failed(attempt, ending, this.storage.machine);
    this.#session = null;
    this.#progress = "offline";
    this.#cancelTurn();
    if (!this.#isRefused && !ending.replaced) this.#planReconnect();
    this.listener.ended(ending.problem);
  }

  /** Reconnect later, unless the agent is reached otherwise. */
  #planReconnect(): void {
    if (!this.#isOpen || this.listener.isReachedOtherwise()) return;
    this.#cancelReconnect();
    this.#cancelReconnect = this.environment.after(this.#backoff.wait(), () => this.#connect());
  }
}
