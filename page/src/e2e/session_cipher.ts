/** The end-to-end session with a machine's agent: the handshake, and messages that only the two can read. */

import { sha256 } from "@noble/hashes/sha2.js";

import { base64, concat, text, unbase64, utf8 } from "../platform/bytes";
import { Initiator, keyPair, type CipherState, type KeyPair } from "./noise";

/** What someone says of itself within the handshake, where no relay can change it. */
export interface Introduction {
  readonly name: string;
  readonly features: readonly string[];
}

export interface Frame {
  readonly type: string;
  readonly payload: unknown;
  /** Its number in the session, if the session's messages have an order. */
  readonly seq?: number;
}

/** The pre-shared key of a phone that comes by a link. */
export const linkKey = (secret: Uint8Array): Uint8Array => sha256(concat(utf8("MobiFai link secret 1\n"), secret));

/** That of a phone whose key the machine has pinned. */
export const NO_LINK = new Uint8Array(32);

export interface Parties {
  readonly own: KeyPair;
  readonly theirs: Uint8Array;
  readonly psk: Uint8Array;
  readonly machine: string;
  readonly phone: string;
}

/** Messages of an established session. */
export class SessionCipher {
  constructor(
    readonly peer: Introduction,
    private readonly sending: CipherState,
    private readonly receiving: CipherState,
  ) {}

  encrypt(type: string, payload: unknown, seq?: number): string {
    return base64(this.sending.encrypt(utf8(JSON.stringify({ type, payload, seq }))));
  }

  /** Throws for a message that was changed, left out, repeated, or comes out of order. */
  decrypt(data: string): Frame {
    return frame(JSON.parse(text(this.receiving.decrypt(unbase64(data)))));
  }
}

/** A message as it is, or an error for what is none. */
export function frame(found: unknown): Frame {
  const { type, payload, seq } = (found ?? {}) as Partial<Frame>;
  if (typeof type !== "string") throw new Error("expected a message with a type");
  return typeof seq === "number" ? { type, payload, seq } : { type, payload };
}

export class Handshake {
  readonly #initiator: Initiator;

  constructor(parties: Parties, randomBytes: (length: number) => Uint8Array) {
    const prologue = utf8(`MobiFai e2e 1\n${parties.machine}\n${parties.phone}`);
    this.#initiator = new Initiator(parties.own, parties.theirs, parties.psk, prologue, keyPair(randomBytes(32)));
  }

  hello(introduction: Introduction): string {
    return base64(this.#initiator.hello(utf8(JSON.stringify(introduction))));
  }

  /** Throws for an answer that is not the machine's. */
  welcome(message: string): SessionCipher {
    const { payload, sending, receiving } = this.#initiator.welcome(unbase64(message));
    const { name, features } = JSON.parse(text(payload)) as Partial<Introduction>;
    const known = Array.isArray(features) ? features.filter((feature) => typeof feature === "string") : [];
    return new SessionCipher({ name: typeof name === "string" ? name : "", features: known }, sending, receiving);
  }
}
