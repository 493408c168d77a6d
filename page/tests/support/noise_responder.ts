/** The agent's side of Noise_IKpsk1_25519_ChaChaPoly_SHA256, written for the tests, apart from what it tests. */

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

/** Noise's HKDF is RFC 5869's with no info. */
function keys(chaining: Uint8Array, material: Uint8Array, count: number): Uint8Array[] {
  const long = expand(sha256, extract(sha256, material, chaining), undefined, 32 * count);
  return Array.from({ length: count }, (_, index) => long.slice(32 * index, 32 * index + 32));
}

export class Direction {
  counter = 0;

  constructor(private readonly key: Uint8Array) {}

  #cipher(associated: Uint8Array) {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(4, this.counter, true);
    return chacha20poly1305(this.key, nonce, associated);
  }

  seal(plain: Uint8Array, associated: Uint8Array = new Uint8Array(0)): Uint8Array {
    const sealed = this.#cipher(associated).encrypt(plain);
    this.counter += 1;
    return sealed;
  }

  open(sealed: Uint8Array, associated: Uint8Array = new Uint8Array(0)): Uint8Array {
    const plain = this.#cipher(associated).decrypt(sealed);
    this.counter += 1;
    return plain;
  }
}

export interface Welcomed {
  readonly message: Uint8Array;
  readonly takes: Direction;
  readonly sends: Direction;
}

export class Responder {
  #chaining: Uint8Array;
  #hash: Uint8Array;
  #cipher = new Direction(new Uint8Array(32));
  readonly #theirs: Uint8Array;
  readonly #sealed: Uint8Array;
  /** The static key that the phone shows. */
  readonly initiator: Uint8Array;

  constructor(secret: Uint8Array, prologue: Uint8Array, hello: Uint8Array) {
    this.#hash = this.#chaining = sha256(new TextEncoder().encode("Noise_IKpsk1_25519_ChaChaPoly_SHA256"));
    this.#mixHash(prologue);
    this.#mixHash(x25519.getPublicKey(secret));
    this.#theirs = hello.slice(0, 32);
    this.#sealed = hello.slice(80);
    this.#mixHash(this.#theirs);
    this.#mixKey(this.#theirs);
    this.#mixKey(x25519.getSharedSecret(secret, this.#theirs));
    this.initiator = this.#open(hello.slice(32, 80));
    this.#mixKey(x25519.getSharedSecret(secret, this.initiator));
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = sha256(joined(this.#hash, data));
  }

  #mixKey(material: Uint8Array): void {
    const [chaining, key] = keys(this.#chaining, material, 2) as [Uint8Array, Uint8Array];
    this.#chaining = chaining;
    this.#cipher = new Direction(key);
  }

  #open(sealed: Uint8Array): Uint8Array {
    const plain = this.#cipher.open(sealed, this.#hash);
    this.#mixHash(sealed);
    return plain;
  }

  /** What the first message says, if this is the pre-shared key that it was made with; null otherwise. */
  tryPsk(psk: Uint8Array): Uint8Array | null {
    const before = [this.#chaining, this.#hash, this.#cipher] as const;
    const [chaining, mixed, key] = keys(this.#chaining, psk, 3) as [Uint8Array, Uint8Array, Uint8Array];
    this.#chaining = chaining;
    this.#mixHash(mixed);
    this.#cipher = new Direction(key);
    try {
      return this.#open(this.#sealed);
    } catch {
      [this.#chaining, this.#hash, this.#cipher] = before;
      return null;
    }
  }

  welcome(payload: Uint8Array, ephemeral: Uint8Array): Welcomed {
    const own = x25519.getPublicKey(ephemeral);
    this.#mixHash(own);
    this.#mixKey(own);
    this.#mixKey(x25519.getSharedSecret(ephemeral, this.#theirs));
    this.#mixKey(x25519.getSharedSecret(ephemeral, this.initiator));
    const sealed = this.#cipher.seal(payload, this.#hash);
    const [takes, sends] = keys(this.#chaining, new Uint8Array(0), 2) as [Uint8Array, Uint8Array];
    return { message: joined(own, sealed), takes: new Direction(takes), sends: new Direction(sends) };
  }
}
