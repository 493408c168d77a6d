/** The reasons for which a pairing ends, in words for people. */

import { relayWords } from "../protocol/untrusted_text";

export interface Ending {
  /** The problem as a sentence for people; null when there is none. */
  readonly problem: string | null;
  /** Trying again is useless: the user has to do something first. */
  readonly final: boolean;
  /** Another page of this browser took over. This page must not take the connection back. */
  readonly replaced?: boolean;
  /** The link's secret was used before: the machine may have pinned this browser's key already. */
  readonly linkUsed?: boolean;
}

const NEW_LINK = "Run `mobifai pair` on the machine and scan the new QR code.";

export const CLOSED: Ending = { problem: null, final: false };
export const UNREACHABLE: Ending = { problem: "The relay can't be reached.", final: false };
export const LOST: Ending = { problem: "The connection to the relay was lost.", final: false };
export const RELAY_SILENT: Ending = { problem: "The relay does not answer.", final: false };
export const MACHINE_SILENT: Ending = { problem: "The machine does not answer.", final: false };
export const TAMPERED: Ending = { problem: "The relay changed, repeated or left out a message, so the connection was ended.", final: false };
export const UNPROTECTED: Ending = {
  problem: "This relay or this machine has no end-to-end encryption, which this page requires. Update MobiFai on both.",
  final: true,
};
export const REPLACED: Ending = {
  problem: "Another page of this browser has taken over. Return to this page to use the machine here.",
  final: false,
  replaced: true,
};

/** The relay has no account for this browser. */
export const notKnown = (): Ending => ({ problem: `The relay does not know this browser. ${NEW_LINK}`, final: true });

/** The relay refuses this browser's token. */
export const notLetIn = (message: unknown): Ending => ({ problem: `The relay does not let this browser in. ${relayWords(message)} ${NEW_LINK}`, final: true });

/** The texts for the reasons of `e2e:refused`. That message is not encrypted, so the relay may have forged it. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["unknown", `The relay reports that the machine does not know this browser. A link lets one browser in, for 10 minutes. ${NEW_LINK}`],
  ["revoked", `The relay reports that this browser was revoked on the machine. ${NEW_LINK}`],
  ["required", UNPROTECTED.problem!],
]);

/** The agent refuses this browser. `hasSecret`: this browser has used an invitation link's secret. */
export function refusal(reason: string, message: unknown, hasSecret: boolean): Ending {
  if (reason === "link-used" && hasSecret) return { problem: relayWords(message), final: false, linkUsed: true };
  const known = REFUSALS.get(reason === "link-used" ? "unknown" : reason);
  return { problem: known ?? relayWords(message), final: known !== undefined };
}
