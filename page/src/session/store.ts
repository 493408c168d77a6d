/** What this browser keeps: its keys, its token at the relay, the machine, and how the person has arranged things. */

import { base64, unbase64 } from "../e2e/bytes";
import { keyPair, type KeyPair } from "../e2e/noise";
import { newSecret } from "../wire/identity";
import { readCombinations } from "./combinations";
import type { Environment } from "./environment";
import { readSettings } from "./relay_settings";
import type { Combination, Settings } from "./types";

/**
 * The machine that this page is linked to. `secret`: of the link, until the machine has pinned this browser's key.
 * `isNew`: no terminal of it was seen since the link was opened.
 */
export interface Machine {
  readonly id: string;
  readonly key: Uint8Array;
  readonly name: string | null;
  readonly secret: Uint8Array | null;
  readonly isNew: boolean;
}

/** `isUnsent`: changed here, and not known to the machine's agent yet. */
export interface KeptCombinations {
  readonly list: readonly Combination[] | null;
  readonly isUnsent: boolean;
}

const PREFIX = "mobifai.1.";

type Value = string | readonly string[] | Record<string, unknown> | null;

export class Store {
  readonly #kept = new Map<string, string>(); // bounded by the names below; stands in for a browser's storage

  constructor(private readonly environment: Environment) {}

  /** Whether what is kept outlives this visit. */
  get lasts(): boolean {
    return this.environment.storage !== null;
  }

  #read(name: string): unknown {
    const found = this.environment.storage?.getItem(PREFIX + name) ?? this.#kept.get(name);
    try {
      return found === undefined ? null : JSON.parse(found);
    } catch {
      return null;
    }
  }

  #write(name: string, value: Value): void {
    const text = JSON.stringify(value);
    this.#kept.set(name, text);
    try {
      if (value === null) this.environment.storage?.removeItem(PREFIX + name);
      else this.environment.storage?.setItem(PREFIX + name, text);
    } catch {
      // the browser has no room: it lasts for this visit
    }
    if (value === null) this.#kept.delete(name);
  }

  #string(name: string): string | null {
    const found = this.#read(name);
    return typeof found === "string" && found !== "" ? found : null;
  }

  #bytes(name: string, length: number): Uint8Array | null {
    return bytes(this.#read(name), length);
  }

  get deviceId(): string {
    const known = this.#string("device");
    if (known !== null) return known;
    const made = this.environment.uuid();
    this.#write("device", made);
    return made;
  }

  /** The secret of this device's key for the relay. */
  get relaySecret(): Uint8Array {
    return this.#bytes("relay-key", 32) ?? this.#made("relay-key", newSecret(this.environment.randomBytes));
  }

  /** This device's key for machines. */
  get key(): KeyPair {
    return keyPair(this.#bytes("key", 32) ?? this.#made("key", this.environment.randomBytes(32)));
  }

  #made(name: string, secret: Uint8Array): Uint8Array {
    this.#write(name, base64(secret));
    return secret;
  }

  get token(): string | null {
    return this.#string("token");
  }

  set token(token: string | null) {
    this.#write("token", token);
  }

  get machine(): Machine | null {
    const found = this.#read("machine") as Record<string, unknown> | null;
    const key = bytes(found?.["key"], 32);
    const id = found?.["id"];
    if (typeof id !== "string" || key === null) return null;
    const name = found?.["name"];
    return { id, key, name: typeof name === "string" ? name : null, secret: bytes(found?.["secret"], 16), isNew: found?.["isNew"] === true };
  }

  set machine(machine: Machine | null) {
    if (machine === null) {
      this.#write("machine", null);
      return;
    }
    const { id, key, name, secret, isNew } = machine;
    this.#write("machine", { id, key: base64(key), name, secret: secret && base64(secret), isNew });
  }

  /** Uuids in the order of the tabs, and those that were shown last. */
  get order(): readonly string[] {
    return strings(this.#read("order"));
  }

  set order(uuids: readonly string[]) {
    this.#write("order", uuids);
  }

  get shown(): readonly string[] {
    return strings(this.#read("shown"));
  }

  set shown(uuids: readonly string[]) {
    this.#write("shown", uuids);
  }

  get settings(): Settings {
    return readSettings(this.#read("settings"));
  }

  set settings(settings: Settings) {
    this.#write("settings", { ...settings });
  }

  get combinations(): KeptCombinations {
    const found = this.#read("keys") as Record<string, unknown> | null;
    return { list: readCombinations(found?.["list"]), isUnsent: found?.["isUnsent"] === true };
  }

  set combinations({ list, isUnsent }: KeptCombinations) {
    this.#write("keys", { list, isUnsent });
  }

  /** Forget the machine, what was open there, and everything that could let this browser in again. */
  forget(): void {
    for (const name of ["machine", "token", "key", "relay-key", "device", "order", "shown", "keys"]) this.#write(name, null);
  }
}

const MOST_STRINGS = 256;

const strings = (found: unknown): readonly string[] =>
  Array.isArray(found) ? found.filter((one): one is string => typeof one === "string").slice(0, MOST_STRINGS) : [];

function bytes(found: unknown, length: number): Uint8Array | null {
  try {
    const read = typeof found === "string" ? unbase64(found) : null;
    return read?.length === length ? read : null;
  } catch {
    return null;
  }
}
