/** An invitation link: the part of the QR code's address after `#`. */

import { hex, unbase64url } from "../platform/bytes";

export interface Link {
  /** The invitation's code, for the relay. */
  readonly code: string;
  /** 16 bytes that only the machine and the person who saw the QR code know. */
  readonly secret: Uint8Array;
  /** The machine's static public key. */
  readonly key: Uint8Array;
  /** The machine's device id. */
  readonly machine: string;
}

export class LinkError extends Error {}

const AGAIN = "Run `mobifai pair` on the machine for a new one.";

/** Read a whole address, or the part after `#`. Throws LinkError, with a sentence for people. */
export function parseLink(found: string): Link {
  const fragment = found.trim().split("#").at(-1) ?? "";
  if (/^[A-Z0-9]{4}-?[A-Z0-9]{4}$/i.test(fragment)) {
    throw new LinkError(`This is a code for a legacy app, which does not encrypt. This page needs a link. ${AGAIN}`);
  }
  const [version, code, secret, key, machine, ...rest] = fragment.split(".");
  if (!version || !code || !secret || !key || !machine || rest.length > 0) {
    throw new LinkError(`This is not a MobiFai link. Copy the whole link, with everything after the #. ${AGAIN}`);
  }
  if (version !== "1") throw new LinkError("This link is from a newer version of MobiFai. Reload the page and try again.");
  return {
    code: pairingCode(code),
    secret: bytes(secret, 16),
    key: bytes(key, 32),
    machine: uuid(bytes(machine, 16)),
  };
}

function pairingCode(code: string): string {
  if (!/^[A-Za-z0-9]{4,40}$/.test(code)) throw new LinkError(`This link is damaged: it has no valid pairing code. ${AGAIN}`);
  return code;
}

function bytes(coded: string, length: number): Uint8Array {
  try {
    const found = unbase64url(coded);
    if (found.length === length) return found;
  } catch {
    // damaged: reported below
  }
  throw new LinkError(`This link is damaged or was cut off. ${AGAIN}`);
}

function uuid(found: Uint8Array): string {
  const digits = hex(found);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}
