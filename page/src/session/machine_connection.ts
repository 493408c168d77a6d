/**
 * The connection to a machine's agent: through the relay, and by a data channel that the agent offers through it.
 *
 * Owns both paths. Checks that the path in use is alive, and puts the messages of both into one order.
 */

import type { Environment } from "../platform/environment";
import type { Frame } from "../protocol/frame";
import type { Candidate, Description, Introduction } from "../protocol/messages";
import { DataChannel } from "../transport/data_channel";
import type { Progress } from "../transport/relay_session";
import { connectionStage, WAITS_FOR } from "./connection_stage";
import { Heartbeat } from "./heartbeat";
import { nameOf } from "./machines";
import { MessageOrder } from "./message_order";
import { Outbound } from "./outbound";
import type { PageStorage } from "./page_storage";
import { RelayConnection } from "./relay_connection";
import type { Connection, Path } from "./types";

/** When the page wakes up, it replaces an attempt to connect that is older than this. */
const MAX_ATTEMPT_MS = 1500;

const HELD_BACK = "The relay delayed or dropped messages, so the connection was ended.";

export interface MachineConnectionListener {
  changed(): void;
  /** An encrypted session with the agent has begun. */
  secured(peer: Introduction): void;
  /** A message of the agent, in order. */
  received(frame: Frame, path: Path): void;
  settings(settings: unknown): void;
  /** No path is left. */
  lost(): void;
  /** A request in a terminal could not be sent. */
  unsent(uuid: string): void;
}

export class MachineConnection {
  readonly outbound: Outbound;
  readonly #relay: RelayConnection;
  readonly #order: MessageOrder;
  readonly #heartbeat: Heartbeat;
  #channel: DataChannel | null = null;
  #problem: string | null = null;
  #latency: number | null = null;

  constructor(
    private readonly environment: Environment,
    private readonly storage: PageStorage,
    private readonly listener: MachineConnectionListener,
  ) {
    this.#relay = new RelayConnection(environment, storage, {
      progress: (progress, problem) => this.#progressed(progress, problem),
      secured: (peer) => this.#secured(peer),
      received: (frame) => this.#order.receive(frame, "relay"),
      settings: (settings) => listener.settings(settings),
      ended: (problem) => this.#relayEnded(problem),
      left: () => this.#relayGone(),
      isReachedOtherwise: () => this.#channel?.open ?? false,
    });
    this.#order = new MessageOrder(
      {
        deliver: (frame, path) => listener.received(frame, path),
        channelLost: () => this.#channel?.close(),
        broken: () => this.endWith(HELD_BACK),
      },
      environment.after,
    );
    this.outbound = new Outbound((path) => (path === "channel" ? this.#channel : this.#relay.session), this.#order, (uuid) => listener.unsent(uuid));
    this.#heartbeat = new Heartbeat({
      now: environment.now,
      after: environment.after,
      isVisible: environment.isVisible,
      send: (nonce) => this.outbound.send("system:echo", { nonce }),
      answered: (milliseconds) => this.#measured(milliseconds),
      timedOut: () => this.#pathIsDead(),
    });
  }

  // -- state

  get state(): Connection {
    const { machine } = this.storage;
    const { path } = this;
    const stage = connectionStage({ hasMachine: machine !== null, path, isRefused: this.#relay.isRefused, progress: this.#relay.progress });
    return {
      stage,
      path,
      latencyMs: stage === "ready" ? this.#latency : null,
      waitingFor: WAITS_FOR[stage],
      problem: this.#problem,
      machine: machine && nameOf(machine),
    };
  }

  /** The path that messages take; null when there is none. */
  get path(): Path | null {
    if (this.#channel?.open) return "channel";
    return this.#relay.session?.ready ? "relay" : null;
  }

  // -- opening and closing

  open(): void {
    if (!this.storage.lasts) this.#problem = "This browser stores nothing: you will have to pair it with the machine again next time.";
    this.#relay.open();
    this.listener.changed();
  }

  close(): void {
    this.#relay.close();
    this.#channel?.close();
    this.#heartbeat.stop();
  }

  /** Check the path, or connect now, since the page is visible again. */
  wake(): void {
    if (!this.#relay.isOpen) return;
    if (this.path !== null) return this.#heartbeat.check();
    if (this.#relay.isRefused) return;
    if (this.#relay.session === null || this.#relay.attemptAge > MAX_ATTEMPT_MS) this.#relay.reconnect();
  }

  /** Connect again now, also after a refusal. */
  tryAgain(): void {
    this.#relay.reset();
    if (this.path !== null) this.#heartbeat.check();
    else if (this.#relay.isOpen) this.#relay.reconnect();
  }

  /** Leave the machine, and drop its messages. */
  leave(): void {
    const channel = this.#channel;
    this.#channel = null;
    channel?.close();
    this.#relay.leave();
    this.#order.begin(false);
    this.#problem = null;
  }

  /** Connect to the machine that is chosen now. */
  restart(): void {
    this.#relay.reset();
    this.#relay.reconnect();
  }

  /** End both paths, since messages may be lost, and begin again. */
  endWith(problem: string): void {
    this.#channel?.close();
    this.#relay.session?.close();
    this.#problem = problem;
    this.listener.changed();
  }

  // -- the relay

  #progressed(progress: Progress, problem: string | null): void {
    if (progress === "ready") this.#order.begin(this.#relay.session?.isOrdered ?? false);
    if (problem !== null || progress === "ready") this.#problem = problem;
    if (this.path === null) this.#lost();
    this.listener.changed();
  }

  #secured(peer: Introduction): void {
    this.#channel?.close(); // the agent offers another channel in this session
    this.#channel = null;
    this.#problem = null;
    this.#heartbeat.start();
    this.listener.secured(peer);
  }

  #relayEnded(problem: string | null): void {
    if (problem !== null && !this.#channel?.open) this.#problem = problem;
    this.#relayGone();
    this.listener.changed();
  }

  #relayGone(): void {
    if (!this.#channel?.open) this.#lost();
  }

  // -- the data channel

  /** Answer an offer of the agent. */
  offered(offer: Description): void {
    this.#channel?.close();
    const connection = this.environment.peer();
    if (connection === null) return;
    const channel: DataChannel = new DataChannel(
      connection,
      {
        answer: (answer) => void this.#relay.session?.send("webrtc:answer", { answer }, this.#order.next),
        opened: () => this.#pathChanged(),
        received: (frame) => this.#order.receive(frame, "channel"),
        ended: () => this.#channelEnded(channel),
      },
      this.environment.after,
    );
    this.#channel = channel;
    void channel.accept(offer);
  }

  candidate(candidate: Candidate | null): void {
    this.#channel?.candidate(candidate);
  }

  #channelEnded(channel: DataChannel): void {
    if (this.#channel !== channel) return;
    this.#channel = null;
    this.#order.channelEnded();
    if (this.#relay.session?.ready) this.#pathChanged();
    else this.#lost();
    if (this.#relay.session === null && this.#relay.isOpen) this.#relay.reconnect();
    this.listener.changed();
  }

  // -- whether the path is alive

  echoed(nonce: unknown): void {
    this.#heartbeat.echoed(nonce);
  }

  #measured(milliseconds: number): void {
    this.#latency = milliseconds;
    this.listener.changed();
  }

  #pathChanged(): void {
    this.#latency = null;
    this.#heartbeat.start();
    this.listener.changed();
  }

  #lost(): void {
    this.#heartbeat.stop();
    this.#latency = null;
    this.listener.lost();
  }

  /** Stop using the path, since no answer arrives on it. */
  #pathIsDead(): void {
    if (this.#channel?.open) {
      this.#channel.close();
      if (this.path !== null) this.#heartbeat.check(); // the other path may be dead, too
      return;
    }
    this.#problem = "The machine does not answer.";
    this.#relay.reconnect();
  }
}
