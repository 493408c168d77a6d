/** How a shell ended, as the agent tells it, in words. */

const SIGNAL = /^SIG[A-Z0-9+-]{1,20}$/;

/** "exited with status 3", or null for what tells of no end. */
export function exitText(exited: unknown): string | null {
  if (typeof exited !== "object" || exited === null) return null;
  const { status, signal } = exited as { status?: unknown; signal?: unknown };
  if (typeof signal === "string" && SIGNAL.test(signal)) return `was ended by ${signal}`;
  return Number.isInteger(status) ? `exited with status ${String(status)}` : "ended";
}
