/**
 * One order for the messages of a session, whichever paths they take: each side numbers its messages from 1 on.
 *
 * A path carries its messages in order, so a number that is missing before one that came by a path is on the other path.
 * The relay may hold it back, which ends the session; what is missing on the data channel is lost with that.
 *
 * An offer and its answer carry the number of the next message: smaller ones that the relay has not brought by then were
 * lost with a channel before.
 */

import type { Frame } from "../protocol/frame";
import type { Path } from "./types";

/** How long a missing message is waited for, by the path that it is missing on. */
const PATIENCE_MS: Readonly<Record<Path, number>> = { relay: 5000, channel: 2000 };

/**
 * Parts of that time, timed one after the other: in a page that was suspended the first timer is due before the messages
 * that came meanwhile are handed on.
 */
const LOOKS = 2;

/** Messages that came too early; more than a machine sends in that time. */
const MOST_HELD = 2048;

/** Begins what makes the data channel, which is not counted. */
const SIGNALS = "webrtc:";

const OFFER = "webrtc:offer";

export interface MessageOrderListener {
  /** A message in its turn. */
  said(frame: Frame, path: Path): void;
  /** Messages are missing on the data channel, and the machine uses the relay. */
  channelLost(): void;
  /** A message came late or twice, or is held back. Nothing is said for this session any more. */
  broken(): void;
}

export class MessageOrder {
  #isOn = false;
  #isBroken = false;
  #toSend = 1;
  #expected = 1;
  #hasChannel = false;
  readonly #held = new Map<number, readonly [Frame, Path]>(); // bounded by MOST_HELD
  #cancel: (() => void) | null = null;
  #awaited: Path | null = null;

  constructor(
    private readonly listener: MessageOrderListener,
    private readonly after: (milliseconds: number, call: () => void) => () => void,
  ) {}

  /** Start a session. */
  begin(isOrdered: boolean): void {
    this.#stop();
    this.#isOn = isOrdered;
    this.#isBroken = this.#hasChannel = false;
    this.#toSend = this.#expected = 1;
    this.#held.clear();
  }

  /** The number of the next message, if this session's messages have one. */
  get next(): number | undefined {
    return this.#isOn ? this.#toSend : undefined;
  }

  /** The next message was handed to a path. */
  sent(): void {
    this.#toSend += 1;
  }

  came(frame: Frame, path: Path): void {
    if (!this.#isOn) return this.listener.said(frame, path);
    if (frame.type.startsWith(SIGNALS)) {
      this.listener.said(frame, path); // an offer ends the channel before
      if (frame.type === OFFER && path === "relay") this.channelBegins(frame.seq);
      return;
    }
    if (this.#isBroken) return;
    const { seq } = frame;
    if (seq === undefined) return; // no message of such a session
    if (seq < this.#expected || this.#held.has(seq) || this.#held.size >= MOST_HELD) return this.#break();
    this.#held.set(seq, [frame, path]);
    this.#goOn();
  }

  /** A data channel is about to carry messages, from this number on; one before it carries none any more. */
  channelBegins(seq: number | undefined): void {
    this.#hasChannel = true;
    if (seq === undefined) return;
    while (this.#first < seq) this.#skip();
    this.#expected = Math.max(this.#expected, seq);
    this.#goOn();
  }

  /** The data channel is gone, with what was under way on it. */
  channelEnded(): void {
    this.#hasChannel = false;
    this.#goOn();
  }

  /** The smallest number that is held; infinite if none is. */
  get #first(): number {
    return Math.min(...this.#held.keys());
  }

  get #missingOn(): Path | null {
    const first = this.#held.get(this.#first);
    return first === undefined ? null : first[1] === "relay" ? "channel" : "relay";
  }

  /** Hand on what can be, and wait for what is missing before the rest. */
  #goOn(): void {
    this.#handOn();
    while (this.#missingOn === "channel" && !this.#hasChannel) this.#skip();
    const missing = this.#missingOn;
    if (missing === null || missing === this.#awaited) return;
    this.#stop();
    this.#wait(missing, LOOKS);
  }

  #skip(): void {
    this.#expected = this.#first;
    this.#handOn();
  }

  #handOn(): void {
    for (let next = this.#held.get(this.#expected); next !== undefined; next = this.#held.get(this.#expected)) {
      this.#stop();
      this.#held.delete(this.#expected);
      this.#expected += 1;
      this.listener.said(...next);
    }
  }

  #wait(missing: Path, looks: number): void {
    this.#awaited = missing;
    this.#cancel = this.after(PATIENCE_MS[missing] / LOOKS, () => {
      if (looks > 1) this.#wait(missing, looks - 1);
      else this.#expired(missing);
    });
  }

  #expired(missing: Path): void {
    this.#stop();
    if (missing === "relay") return this.#break();
    this.listener.channelLost();
    this.channelEnded();
  }

  #break(): void {
    this.#stop();
    this.#isBroken = true;
    this.#held.clear();
    this.listener.broken();
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = this.#awaited = null;
  }
}
