/** Conversions between bytes and text. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** Decode UTF-8. Throws for invalid bytes. */
export const text = (bytes: Uint8Array): string => decoder.decode(bytes);

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Decode hex digits. Throws for others. */
export function unhex(digits: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error("expected hex digits");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const CHUNK = 0x2000; // every engine accepts this many arguments in one call

/** Base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/** Decode Base64 with padding. Throws for invalid text. */
export function unbase64(coded: string): Uint8Array {
  const binary = atob(coded);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Decode Base64 for URLs. Throws for invalid text. */
export function unbase64url(coded: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(coded)) throw new Error("expected Base64 for URLs");
  return unbase64(coded.replaceAll("-", "+").replaceAll("_", "/"));
}
