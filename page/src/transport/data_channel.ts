/** One data channel with the machine's agent: answers its offer, and carries frames. Owns the peer connection. */

import { decodeFrame, encodeFrame, type Frame } from "../protocol/frame";
import type { Candidate, Description, FromPhone } from "../protocol/messages";

export type DataChannelState =
  | "negotiating" // the offer is answered
  | "connecting" // there is a channel, on which no message has arrived yet
  | "open" // the agent has sent a message: messages can be sent
  | "closed";

type DataChannelEvent = "announced" | "message" | "close";

/**
 * The next state for each event. Other events are ignored.
 *
 * The agent's first message opens the channel. A browser can call a channel open before its own transport does, and then
 * drops what is sent without an error.
 */
export const DATA_CHANNEL_TRANSITIONS: Readonly<Record<DataChannelState, Readonly<Partial<Record<DataChannelEvent, DataChannelState>>>>> = {
  negotiating: { announced: "connecting", close: "closed" },
  connecting: { message: "open", close: "closed" },
  open: { message: "open", close: "closed" },
  closed: {},
};

const GATHER_MS = 3000;
const MAX_EARLY_CANDIDATES = 64;

export interface DataChannelListener {
  answer(description: Description): void;
  opened(): void;
  received(frame: Frame): void;
  /** The connection ended. This is the last call. */
  ended(): void;
}

export class DataChannel {
  #state: DataChannelState = "negotiating";
  #channel: RTCDataChannel | null = null;
  /** Candidates that arrived before the offer was set. */
  #early: Candidate[] = []; // bounded by MAX_EARLY_CANDIDATES

  constructor(
    private readonly connection: RTCPeerConnection,
    private readonly listener: DataChannelListener,
    private readonly after: (milliseconds: number, call: () => void) => () => void,
  ) {
    connection.ondatachannel = ({ channel }) => this.#announced(channel);
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "failed" || connection.connectionState === "closed") this.close();
    };
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return this.#state === "open" && this.#channel?.readyState === "open";
  }

  /** Move to the next state. Returns false if the event is ignored in this state. */
  #move(event: DataChannelEvent): boolean {
    const next = DATA_CHANNEL_TRANSITIONS[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  /** Answer the agent's offer, once addresses are gathered. */
  async accept(offer: Description): Promise<void> {
    try {
      await this.connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      for (const candidate of this.#early.splice(0)) await this.connection.addIceCandidate(candidate);
      await this.connection.setLocalDescription(await this.connection.createAnswer());
      await this.#gathered();
      const made = this.connection.localDescription;
      if (this.#state !== "closed" && made !== null) this.listener.answer({ type: made.type, sdp: made.sdp });
    } catch {
      this.close(); // the offer or the browser can't be used: messages go through the relay
    }
  }

  #gathered(): Promise<void> {
    return new Promise((resolve) => {
      if (this.connection.iceGatheringState === "complete") return resolve();
      const cancel = this.after(GATHER_MS, resolve);
      this.connection.onicegatheringstatechange = () => {
        if (this.connection.iceGatheringState !== "complete") return;
        cancel();
        resolve();
      };
    });
  }

  candidate(candidate: Candidate | null): void {
    if (candidate === null || this.#state === "closed") return;
    if (this.connection.remoteDescription === null) {
      if (this.#early.length < MAX_EARLY_CANDIDATES) this.#early.push(candidate);
      return;
    }
    this.connection.addIceCandidate(candidate).catch(() => undefined); // one address of several
  }

  #announced(channel: RTCDataChannel): void {
    if (!this.#move("announced")) return;
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#received(data);
    channel.onclose = () => this.close();
  }

  #received(data: unknown): void {
    let frame: Frame;
    try {
      frame = decodeFrame(String(data));
    } catch {
      return; // not from an agent of this protocol
    }
    const before = this.#state;
    if (!this.#move("message")) return;
    if (before !== "open") this.listener.opened();
    this.listener.received(frame);
  }

  /** Send a message. Returns whether the browser accepted it. */
  send<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event], seq?: number): boolean {
    if (!this.open) return false;
    try {
      this.#channel?.send(encodeFrame(event, payload, seq));
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    if (!this.#move("close")) return;
    this.#early = [];
    this.connection.ondatachannel = this.connection.onconnectionstatechange = null;
    this.connection.onicegatheringstatechange = null;
    if (this.#channel !== null) this.#channel.onmessage = this.#channel.onclose = null;
    this.connection.close();
    this.listener.ended();
  }
}
