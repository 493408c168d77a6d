/**
 * One connection to the relay, and the encrypted session with one machine's agent on it.
 *
 * Carries out the commands of a `RelayPairing`: owns the socket and the timers. It ends once, with a reason, and never
 * connects again: that is up to its listener.
 */

import type { Environment, RelaySocket } from "../platform/environment";
import type { Frame } from "../protocol/frame";
import type { FromPhone, Introduction } from "../protocol/messages";
import type { Credentials, MachineIdentity } from "./machine_identity";
import { CLOSED, type Ending, TAMPERED } from "./pairing_endings";
import { type PairingCommand, type PairingStage, RelayPairing } from "./relay_pairing";

/** The progress of a connection, as people see it. */
export type Progress = "offline" | "signing-in" | "waiting" | "securing" | "ready";

const PROGRESS: Readonly<Record<PairingStage, Progress>> = {
  connecting: "offline",
  "signing-in": "signing-in",
  waiting: "waiting",
  proving: "securing",
  greeting: "securing",
  ready: "ready",
  ended: "offline",
};

export interface RelaySessionListener {
  progress(progress: Progress, problem: string | null): void;
  /** The relay accepted this browser, which uses this token from now on. */
  signedIn(token: string): void;
  secured(peer: Introduction): void;
  /** The first encrypted message arrived: the machine has pinned this browser's key. */
  proven(): void;
  received(frame: Frame): void;
  settings(settings: unknown): void;
  ended(ending: Ending): void;
}

/** How long each step of the relay and the machine may take; longer than their own limits. */
const STEP_MS = 20_000;

/** Progress without a time limit. */
const LASTING: readonly Progress[] = ["waiting", "ready"];

/** The pause after a refused request before the next one. */
const RETRY_MS = 2000;

export class RelaySession {
  readonly #socket: RelaySocket;
  readonly #pairing: RelayPairing;
  #cancelRetry: () => void = () => undefined;
  #cancelTimeout: () => void = () => undefined;

  constructor(
    private readonly environment: Environment,
    machine: MachineIdentity,
    credentials: Credentials,
    private readonly listener: RelaySessionListener,
  ) {
    const { deviceName, randomBytes } = environment;
    this.#pairing = new RelayPairing({ machine, credentials, deviceName, randomBytes });
    this.#startTimeout();
    this.#socket = environment.connect(credentials.token);
    this.#socket.listen((event, payload) => this.#receive(event, payload));
  }

  get ready(): boolean {
    return this.#pairing.stage === "ready";
  }

  /** Whether the messages of this session are numbered, over all paths. */
  get isOrdered(): boolean {
    return this.#pairing.cipher?.peer.features.includes("order") ?? false;
  }

  /** Send a message to the agent, encrypted. Returns whether there is a session to send it in. */
  send<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event], seq?: number): boolean {
    const { cipher } = this.#pairing;
    if (cipher === null) return false;
    this.#socket.emit("e2e:sealed", { data: cipher.encrypt(event, payload, seq) });
    return true;
  }

  close(): void {
    this.#run(this.#pairing.end(CLOSED));
  }

  #receive(event: string, payload: unknown): void {
    try {
      this.#run(this.#pairing.receive(event, payload));
    } catch {
      this.#run(this.#pairing.end(TAMPERED)); // a message that its handler can't read
    }
  }

  #run(commands: readonly PairingCommand[]): void {
    for (const command of commands) this.#carryOut(command);
  }

  #carryOut(command: PairingCommand): void {
    switch (command.type) {
      case "emit":
        return this.#socket.emit(command.event, command.payload);
      case "progress":
        return this.#progressed(PROGRESS[command.stage], command.problem);
      case "keep-token":
        return this.listener.signedIn(command.token);
      case "retry-later":
        return this.#startRetry();
      case "secured":
        return this.listener.secured(command.peer);
      case "proven":
        return this.listener.proven();
      case "receive":
        return this.listener.received(command.frame);
      case "settings":
        return this.listener.settings(command.settings);
      case "end":
        return this.#ended(command.ending);
    }
  }

  #progressed(progress: Progress, problem: string | null): void {
    this.#cancelTimeout();
    if (!LASTING.includes(progress)) this.#startTimeout();
    this.listener.progress(progress, problem);
  }

  #startTimeout(): void {
    this.#cancelTimeout = this.environment.after(STEP_MS, () => this.#receive("timeout", null));
  }

  #startRetry(): void {
    this.#cancelRetry();
    this.#cancelRetry = this.environment.after(RETRY_MS, () => this.#receive("retry", null));
  }

  #ended(ending: Ending): void {
    this.#cancelRetry();
    this.#cancelTimeout();
    this.#socket.close();
    this.listener.ended(ending);
  }
}
