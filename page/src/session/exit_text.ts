/** Describes how a shell ended, in words. Pure. */

import type { Exit } from "../protocol/messages";

const SIGNAL = /^SIG[A-Z0-9+-]{1,20}$/;

/** Return a phrase such as "exited with status 3"; null when the shell has not ended. */
export function exitText(exited: unknown): string | null {
  if (typeof exited !== "object" || exited === null) return null;
  const { status, signal } = exited as Readonly<Record<keyof Exit, unknown>>;
  if (typeof signal === "string" && SIGNAL.test(signal)) return `was killed by ${signal}`;
  return Number.isInteger(status) ? `exited with status ${String(status)}` : "ended";
}
