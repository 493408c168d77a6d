/** End-to-end encryption with a machine's agent: a handshake, and then a cipher for the messages of the session. */

import { sha256 } from "@noble/hashes/sha2.js";

import { base64, concat, text, unbase64, utf8 } from "../platform/bytes";
import { decodeFrame, encodeFrame, type Frame } from "../protocol/frame";
import type { Introduction } from "../protocol/messages";
import { Initiator, keyPair, type CipherState, type KeyPair } from "./noise";

/** Return the pre-shared key of a phone that pairs by an invitation link. */
export const linkKey = (secret: Uint8Array): Uint8Array => sha256(concat(utf8("MobiFai link secret 1\n"), secret));

/** The pre-shared key of a phone whose static key the machine has pinned. */
export const NO_LINK = new Uint8Array(32);

export interface Parties {
  readonly own: KeyPair;
  readonly theirs: Uint8Array;
  readonly psk: Uint8Array;
  readonly machine: string;
  readonly phone: string;
}

/** Encrypts and decrypts the messages of an established session. `peer` is the agent. */
export class SessionCipher {
  constructor(
    readonly peer: Introduction,
    private readonly sending: CipherState,
    private readonly receiving: CipherState,
  ) {}

  encrypt(type: string, payload: unknown, seq?: number): string {
    return base64(this.sending.encrypt(utf8(encodeFrame(type, payload, seq))));
  }

  /** Decrypt the agent's next message. Throws for one that was changed, repeated or is out of order. */
  decrypt(data: string): Frame {
    return decodeFrame(text(this.receiving.decrypt(unbase64(data))));
  }
}

/** The initiator's handshake, in two steps: `hello`, then `welcome`. */
export class Handshake {
  readonly #initiator: Initiator;

  constructor(parties: Parties, randomBytes: (length: number) => Uint8Array) {
    const prologue = utf8(`MobiFai e2e 1\n${parties.machine}\n${parties.phone}`);
    this.#initiator = new Initiator(parties.own, parties.theirs, parties.psk, prologue, keyPair(randomBytes(32)));
  }

  hello(introduction: Introduction): string {
    return base64(this.#initiator.hello(utf8(JSON.stringify(introduction))));
  }

  /** Process the machine's answer, and return the cipher of the session. Throws for an answer that is not the machine's. */
  welcome(message: string): SessionCipher {
    const { payload, sending, receiving } = this.#initiator.welcome(unbase64(message));
    const { name, features } = JSON.parse(text(payload)) as Partial<Introduction>;
    const known = Array.isArray(features) ? features.filter((feature) => typeof feature === "string") : [];
    return new SessionCipher({ name: typeof name === "string" ? name : "", features: known }, sending, receiving);
  }
}
