/** One data channel with the machine's agent: answers its offer, and carries messages. Owns the peer connection. */

import { frame, type Frame } from "../e2e/session_cipher";

const GATHER_MS = 3000;
const MOST_EARLY = 64;

export interface DataChannelListener {
  answer(description: { type: string; sdp: string }): void;
  opened(): void;
  said(frame: Frame): void;
  ended(): void;
}

export class DataChannel {
  #channel: RTCDataChannel | null = null;
  #hasSpoken = false;
  #ended = false;
  #early: RTCIceCandidateInit[] = []; // bounded by MOST_EARLY

  constructor(
    private readonly connection: RTCPeerConnection,
    private readonly listener: DataChannelListener,
    private readonly after: (milliseconds: number, call: () => void) => () => void,
  ) {
    connection.ondatachannel = ({ channel }) => this.#take(channel);
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "failed" || connection.connectionState === "closed") this.close();
    };
  }

  /**
   * Whether messages can be sent. The agent speaks first: a browser can call a channel open before its own transport
   * does, and then drops what is sent without an error.
   */
  get open(): boolean {
    return this.#hasSpoken && !this.#ended && this.#channel?.readyState === "open";
  }

  /** Answer the agent's offer, once addresses are gathered. */
  async accept(offer: { type: string; sdp: string }): Promise<void> {
    try {
      await this.connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      for (const candidate of this.#early.splice(0)) await this.connection.addIceCandidate(candidate);
      await this.connection.setLocalDescription(await this.connection.createAnswer());
      await this.#gathered();
      const made = this.connection.localDescription;
      if (!this.#ended && made !== null) this.listener.answer({ type: made.type, sdp: made.sdp });
    } catch {
      this.close(); // an offer that makes no sense, or a browser that takes none: the relay serves
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

  candidate(candidate: RTCIceCandidateInit | null): void {
    if (candidate === null || this.#ended) return;
    if (this.connection.remoteDescription === null) {
      if (this.#early.length < MOST_EARLY) this.#early.push(candidate);
      return;
    }
    this.connection.addIceCandidate(candidate).catch(() => undefined); // one address of several
  }

  #take(channel: RTCDataChannel): void {
    if (this.#channel !== null) return;
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#heard(data);
    channel.onclose = () => this.close();
  }

  #heard(data: unknown): void {
    let heard: Frame;
    try {
      heard = frame(JSON.parse(String(data)));
    } catch {
      return; // not from an agent of this protocol
    }
    if (!this.#hasSpoken) {
      this.#hasSpoken = true;
      this.listener.opened();
    }
    this.listener.said(heard);
  }

  /** False when it could not be handed over. */
  send(type: string, payload: unknown, seq?: number): boolean {
    if (!this.open) return false;
    try {
      this.#channel?.send(JSON.stringify({ type, payload, seq }));
      return true;
    } catch {
      return false;
    }
  }

  /** End it; the listener is told once. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#early = [];
    this.connection.ondatachannel = this.connection.onconnectionstatechange = null;
    this.connection.onicegatheringstatechange = null;
    if (this.#channel !== null) this.#channel.onmessage = this.#channel.onclose = null;
    this.connection.close();
    this.listener.ended();
  }
}
