/** This device's identity at a relay, and the proof that it holds its key (section 3 of the protocol): ECDH over secp256k1, HMAC-SHA256. */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { hex, unhex, utf8 } from "../platform/bytes";
import type { Register } from "../protocol/messages";

export class Identity {
  constructor(private readonly secret: Uint8Array) {}

  /** The public key as an uncompressed point: 130 hex digits. */
  get publicHex(): string {
    return hex(secp256k1.getPublicKey(this.secret, false));
  }

  /** Return the shared x coordinate. Throws for an invalid key. */
  shared(peerPublicHex: string): Uint8Array {
    return secp256k1.getSharedSecret(this.secret, unhex(peerPublicHex), true).slice(1);
  }
}

/** Create a secret key from random bytes. */
export const newSecret = (randomBytes: (length: number) => Uint8Array): Uint8Array => {
  for (;;) {
    const secret = randomBytes(32);
    if (secp256k1.utils.isValidSecretKey(secret)) return secret;
  }
};

/** One side of a handshake. `role`: the type that it registers with. */
export interface Party {
  readonly role: Register["type"];
  readonly id: string;
  readonly publicHex: string;
  readonly challenge: string;
}

/** Return the text that peers with the feature `bind` sign: both parties with their roles, and both challenges. */
export const boundText = (signer: Party, verifier: Party): string =>
  ["MobiFai handshake 2", ...[signer, verifier].flatMap(({ role, id, publicHex, challenge }) => [role, id, publicHex.toLowerCase(), challenge.toLowerCase()])].join("\n");

export const sign = (shared: Uint8Array, challenge: string): string => hex(hmac(sha256, shared, utf8(challenge)));

/** Whether a signature is the peer's. Some peers drop leading zeros of the shared secret. */
export function verifies(shared: Uint8Array, challenge: string, signature: string): boolean {
  const short = shared.slice(Math.max(0, shared.findIndex((byte) => byte !== 0)));
  return [shared, short].some((form) => sign(form, challenge) === signature.toLowerCase());
}
