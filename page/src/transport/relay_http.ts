/** Requests to the relay. What it answers is bounded, and read as JSON only. */

import type { Environment } from "../platform/environment";

/** Characters of a token; a relay that gives out a longer one is not of this protocol. */
const LONGEST_TOKEN = 4096;

const MOST_BYTES = 64 << 10;

export interface RelayAnswer {
  readonly ok: boolean;
  readonly status: number;
  /** Empty where the relay sent anything but an object, or too much. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** Ask the relay. Throws when it can't be reached, and for an answer that leads elsewhere. */
export async function askRelay(environment: Environment, path: string, options: RequestInit): Promise<RelayAnswer> {
  const response = await environment.fetch(path, { ...options, redirect: "error", credentials: "omit" });
  const content = await contentOf(response).catch(() => ({}));
  return { ok: response.ok, status: response.status, content };
}

async function contentOf(response: Response): Promise<Record<string, unknown>> {
  const found: unknown = JSON.parse(await boundedText(response));
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Error("expected an object");
  return found as Record<string, unknown>;
}

async function boundedText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0; reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new Error(`expected ${MOST_BYTES} bytes at most`);
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

/** A relay's token; null for what is none. */
export const readToken = (found: unknown): string | null => (typeof found === "string" && found !== "" && found.length <= LONGEST_TOKEN ? found : null);
