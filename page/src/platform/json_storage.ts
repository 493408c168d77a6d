/** JSON values by name, in the browser's storage. Without a storage they last as long as the page. */

import { unbase64 } from "./bytes";
import type { Environment } from "./environment";

const PREFIX = "mobifai.1.";

export type Value = string | readonly unknown[] | Readonly<Record<string, unknown>> | null;

export class JsonStorage {
  readonly #texts = new Map<string, string>(); // bounded by the names in `PageStorage`; stands in for a browser's storage

  constructor(private readonly storage: Environment["storage"]) {}

  /** Whether values outlive this visit. */
  get lasts(): boolean {
    return this.storage !== null;
  }

  read(name: string): unknown {
    const found = this.storage?.getItem(PREFIX + name) ?? this.#texts.get(name);
    try {
      return found === undefined ? null : JSON.parse(found);
    } catch {
      return null;
    }
  }

  write(name: string, value: Value): void {
    const text = JSON.stringify(value);
    this.#texts.set(name, text);
    try {
      if (value === null) this.storage?.removeItem(PREFIX + name);
      else this.storage?.setItem(PREFIX + name, text);
    } catch {
      // the storage is full: the value lasts for this visit
    }
    if (value === null) this.#texts.delete(name);
  }
}

// -- stored values may be anything

export const recordOf = (found: unknown): Readonly<Record<string, unknown>> =>
  typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {};

export const stringOf = (found: unknown): string | null => (typeof found === "string" && found !== "" ? found : null);

export function bytesOf(found: unknown, length: number): Uint8Array | null {
  try {
    const read = typeof found === "string" ? unbase64(found) : null;
    return read?.length === length ? read : null;
  } catch {
    return null;
  }
}
