/**
 * Delivers the messages of a session in the order in which the agent sent them, whichever paths they take.
 *
 * Each side numbers its messages from 1. A path keeps the order of its messages, so if a message arrives early, the
 * missing one is still on the other path. A message that the relay holds back for too long breaks the session.
 * One that is missing on the data channel is lost with that channel.
 *
 * A WebRTC offer and its answer carry the number of the next message. Smaller numbers that the relay has not delivered by
 * then were lost with an earlier channel.
 */

import type { Frame } from "../protocol/frame";
import type { Path } from "./types";

/** How long a missing message may take, by the path that it is on. */
const PATIENCE_MS: Readonly<Record<Path, number>> = { relay: 5000, channel: 2000 };

/**
 * The wait is split into timers that run one after the other. When a suspended page resumes, the first timer is due
 * before the messages that arrived meanwhile are delivered.
 */
const TIMERS_PER_WAIT = 2;

/** The most early messages that are held; a machine sends fewer in that time. */
const MAX_HELD = 2048;

/** The prefix of WebRTC signalling, which has no number of its own. */
const SIGNALLING = "webrtc:";

const OFFER = "webrtc:offer";

type Mode =
  | "unnumbered" // the agent does not number its messages: they are delivered as they come
  | "numbered"
  | "broken"; // the order can't be restored: this session delivers nothing more

export interface MessageOrderListener {
  /** The next message, in order. */
  deliver(frame: Frame, path: Path): void;
  /** Messages are missing on the data channel while the machine uses the relay. */
  channelLost(): void;
  /** A message arrived late or twice, or the relay holds it back. */
  broken(): void;
}

export class MessageOrder {
  #mode: Mode = "unnumbered";
  #nextToSend = 1;
  #expected = 1;
  #hasChannel = false;
  readonly #held = new Map<number, readonly [Frame, Path]>(); // bounded by MAX_HELD
  /** The path on which a missing message is awaited. */
  #awaited: Path | null = null;
  #cancelWait: (() => void) | null = null;

  constructor(
    private readonly listener: MessageOrderListener,
    private readonly after: (milliseconds: number, call: () => void) => () => void,
  ) {}

  /** Start a session. */
  begin(isNumbered: boolean): void {
    this.#stopWaiting();
    this.#mode = isNumbered ? "numbered" : "unnumbered";
    this.#hasChannel = false;
    this.#nextToSend = this.#expected = 1;
    this.#held.clear();
  }

  // -- sending

  /** The number of the next message to send; undefined when messages have none. */
  get next(): number | undefined {
    return this.#mode === "unnumbered" ? undefined : this.#nextToSend;
  }

  /** Count the message that was just sent. */
  sent(): void {
    this.#nextToSend += 1;
  }

  // -- receiving

  receive(frame: Frame, path: Path): void {
    if (this.#mode === "unnumbered") return this.listener.deliver(frame, path);
    if (frame.type.startsWith(SIGNALLING)) {
      this.listener.deliver(frame, path); // an offer ends the earlier channel
      if (frame.type === OFFER && path === "relay") this.channelBegins(frame.seq);
      return;
    }
    const { seq } = frame;
    if (this.#mode === "broken" || seq === undefined) return;
    if (seq < this.#expected || this.#held.has(seq) || this.#held.size >= MAX_HELD) return this.#break();
    this.#held.set(seq, [frame, path]);
    this.#advance();
  }

  /** Begin with a new data channel, whose first message has this number. The earlier channel carries none any more. */
  channelBegins(seq: number | undefined): void {
    this.#hasChannel = true;
    if (seq === undefined) return;
    while (this.#firstHeld < seq) this.#skip();
    this.#expected = Math.max(this.#expected, seq);
    this.#advance();
  }

  /** Stop waiting for messages on the data channel, which ended: those in flight are lost. */
  channelEnded(): void {
    this.#hasChannel = false;
    this.#advance();
  }

  /** The smallest number that is held; infinite when none is. */
  get #firstHeld(): number {
    return Math.min(...this.#held.keys());
  }

  /** The path that the expected message must be on; null when nothing is held. */
  get #missingOn(): Path | null {
    const first = this.#held.get(this.#firstHeld);
    return first === undefined ? null : first[1] === "relay" ? "channel" : "relay";
  }

  /** Deliver the messages that are next, and wait for the one that is missing. */
  #advance(): void {
    this.#deliver();
    while (this.#missingOn === "channel" && !this.#hasChannel) this.#skip();
    const missing = this.#missingOn;
    if (missing === null || missing === this.#awaited) return;
    this.#stopWaiting();
    this.#wait(missing, TIMERS_PER_WAIT);
  }

  #skip(): void {
    this.#expected = this.#firstHeld;
    this.#deliver();
  }

  #deliver(): void {
    for (let next = this.#held.get(this.#expected); next !== undefined; next = this.#held.get(this.#expected)) {
      this.#stopWaiting();
      this.#held.delete(this.#expected);
      this.#expected += 1;
      this.listener.deliver(...next);
    }
  }

  #wait(missing: Path, timers: number): void {
    this.#awaited = missing;
    this.#cancelWait = this.after(PATIENCE_MS[missing] / TIMERS_PER_WAIT, () => {
      if (timers > 1) this.#wait(missing, timers - 1);
      else this.#expired(missing);
    });
  }

  #expired(missing: Path): void {
    this.#stopWaiting();
    if (missing === "relay") return this.#break();
    this.listener.channelLost();
    this.channelEnded();
  }

  #break(): void {
    this.#stopWaiting();
    this.#mode = "broken";
    this.#held.clear();
    this.listener.broken();
  }

  #stopWaiting(): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#awaited = null;
  }
}
