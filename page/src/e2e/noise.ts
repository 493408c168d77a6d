/**
 * The initiator of Noise_IKpsk1_25519_ChaChaPoly_SHA256 (noiseprotocol.org, revision 34).
 *
 * It does without crypto.subtle, which pages on plain HTTP lack. Invalid messages throw.
 */

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { concat, utf8 } from "../platform/bytes";

const NAME = "Noise_IKpsk1_25519_ChaChaPoly_SHA256";
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const NOTHING = new Uint8Array(0);

export interface KeyPair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** Return the key pair of a secret of 32 random bytes. */
export const keyPair = (secret: Uint8Array): KeyPair => ({ secret, public: x25519.getPublicKey(secret) });

/** The key of one direction, and its counter: the nonce, which is never sent. */
export class CipherState {
  #counter = 0;

  constructor(private readonly key: Uint8Array) {}

  #nonce(): Uint8Array {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setBigUint64(4, BigInt(this.#counter), true);
    return nonce;
  }

  encrypt(plain: Uint8Array, associated: Uint8Array = NOTHING): Uint8Array {
    const sealed = chacha20poly1305(this.key, this.#nonce(), associated).encrypt(plain);
    this.#counter += 1;
    return sealed;
  }

  /** Decrypt the peer's next message. Throws for any other, which is not counted. */
  decrypt(sealed: Uint8Array, associated: Uint8Array = NOTHING): Uint8Array {
    const plain = chacha20poly1305(this.key, this.#nonce(), associated).decrypt(sealed);
    this.#counter += 1;
    return plain;
  }
}

/** Noise's HKDF. Returns `count` keys of 32 bytes. */
function derive(chaining: Uint8Array, material: Uint8Array, count: number): Uint8Array[] {
  const temporary = hmac(sha256, chaining, material);
  const keys: Uint8Array[] = [];
  for (let number = 1; number <= count; number += 1) {
    keys.push(hmac(sha256, temporary, concat(keys.at(-1) ?? NOTHING, Uint8Array.of(number))));
  }
  return keys;
}

class SymmetricState {
  #chaining: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | null = null;

  constructor() {
    this.#hash = sha256(utf8(NAME)); // the name is longer than a hash
    this.#chaining = this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = sha256(concat(this.#hash, data));
  }

  mixKey(material: Uint8Array): void {
    const [chaining, key] = derive(this.#chaining, material, 2) as [Uint8Array, Uint8Array];
    this.#chaining = chaining;
    this.#cipher = new CipherState(key);
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chaining, hash, key] = derive(this.#chaining, material, 3) as [Uint8Array, Uint8Array, Uint8Array];
    this.#chaining = chaining;
    this.mixHash(hash);
    this.#cipher = new CipherState(key);
  }

  encryptAndHash(plain: Uint8Array): Uint8Array {
    const sealed = this.#keyed().encrypt(plain, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array {
    const plain = this.#keyed().decrypt(sealed, this.#hash);
    this.mixHash(sealed);
    return plain;
  }

  #keyed(): CipherState {
    if (this.#cipher === null) throw new Error("expected mixKey before this call");
    return this.#cipher;
  }

  split(): [CipherState, CipherState] {
    const [first, second] = derive(this.#chaining, NOTHING, 2) as [Uint8Array, Uint8Array];
    return [new CipherState(first), new CipherState(second)];
  }
}

/** The handshake, in two messages. */
export class Initiator {
  readonly #state = new SymmetricState();

  constructor(
    private readonly own: KeyPair,
    private readonly theirs: Uint8Array,
    private readonly psk: Uint8Array,
    prologue: Uint8Array,
    private readonly ephemeral: KeyPair,
  ) {
    this.#state.mixHash(prologue);
    this.#state.mixHash(theirs);
  }

  /** Return the first message: -> e, es, s, ss, psk, and a payload. */
  hello(payload: Uint8Array): Uint8Array {
    const state = this.#state;
    state.mixHash(this.ephemeral.public);
    state.mixKey(this.ephemeral.public);
    state.mixKey(x25519.getSharedSecret(this.ephemeral.secret, this.theirs));
    const identity = state.encryptAndHash(this.own.public);
    state.mixKey(x25519.getSharedSecret(this.own.secret, this.theirs));
    state.mixKeyAndHash(this.psk);
    return concat(this.ephemeral.public, identity, state.encryptAndHash(payload));
  }

  /** Read the second message: <- e, ee, se, and a payload. Returns the payload and the ciphers of the session. */
  welcome(message: Uint8Array): { payload: Uint8Array; sending: CipherState; receiving: CipherState } {
    if (message.length < KEY_BYTES + TAG_BYTES) throw new Error(`expected at least ${KEY_BYTES + TAG_BYTES} bytes; found ${message.length}`);
    const state = this.#state;
    const theirs = message.slice(0, KEY_BYTES);
    state.mixHash(theirs);
    state.mixKey(theirs);
    state.mixKey(x25519.getSharedSecret(this.ephemeral.secret, theirs));
    state.mixKey(x25519.getSharedSecret(this.own.secret, theirs));
    const payload = state.decryptAndHash(message.slice(KEY_BYTES));
    const [sending, receiving] = state.split();
    return { payload, sending, receiving };
  }
}
