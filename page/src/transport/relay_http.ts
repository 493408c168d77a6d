/** HTTP requests to the relay. Answers are bounded, and read as JSON only. */

import type { Environment } from "../platform/environment";

/** The most characters of a valid token. */
const MAX_TOKEN = 4096;

const MAX_BYTES = 64 << 10;

export interface RelayAnswer {
  readonly ok: boolean;
  readonly status: number;
  /** The answer's JSON object; empty when the answer was something else, or too long. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** Send a request. Throws when the relay can't be reached, and for a redirect. */
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
    if (size > MAX_BYTES) {
      await reader.cancel();
      throw new Error(`expected ${MAX_BYTES} bytes at most`);
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

/** Return a valid token, or null. */
export const readToken = (found: unknown): string | null => (typeof found === "string" && found !== "" && found.length <= MAX_TOKEN ? found : null);
