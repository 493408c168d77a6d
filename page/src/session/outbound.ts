/** Sends messages to the agent: by the data channel while it is open, by the relay otherwise. Numbers them. */

import type { FromPhone } from "../protocol/messages";
import type { Outgoing } from "../transport/offsets";
import type { MessageOrder } from "./message_order";
import type { Path } from "./types";

/** One way to the agent. */
export interface Transport {
  /** Returns whether the message was sent. */
  send<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event], seq?: number): boolean;
}

/** Characters of one `terminal:input`. With each of them escaped, the message still fits into a frame. */
const INPUT_CHARACTERS = 8192;

export class Outbound {
  /** `transport` returns the transport of a path, if there is one. `unsent` reports a request that could not be sent. */
  constructor(
    private readonly transport: (path: Path) => Transport | null,
    private readonly order: MessageOrder,
    private readonly unsent: (uuid: string) => void,
  ) {}

  /** Returns whether the message was sent. */
  send<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event]): boolean {
    return this.#sendBy("channel", event, payload) || this.#sendBy("relay", event, payload);
  }

  /** Send something that the user asked for in a terminal, or report that it could not be sent. */
  request<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event], uuid: string): void {
    if (!this.send(event, payload)) this.unsent(uuid);
  }

  /** Send answers by the path of the agent's message, since the agent tells its paths apart by them. */
  answer(messages: readonly Outgoing[], path: Path): void {
    for (const [event, payload] of messages) this.#sendBy(path, event, payload);
  }

  /** Send typed text, in parts if it is long. Returns false when a part could not be sent; the rest is dropped. */
  input(uuid: string, data: string): boolean {
    for (let at = 0; at < data.length; ) {
      let end = Math.min(at + INPUT_CHARACTERS, data.length);
      if (end < data.length && isHighSurrogate(data.charCodeAt(end - 1))) end -= 1; // no character is cut in two
      if (!this.send("terminal:input", { uuid, data: data.slice(at, end) })) return false;
      at = end;
    }
    return true;
  }

  #sendBy<Event extends keyof FromPhone>(path: Path, event: Event, payload: FromPhone[Event]): boolean {
    const isSent = this.transport(path)?.send(event, payload, this.order.next) ?? false;
    if (isSent) this.order.sent();
    return isSent;
  }
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00;
