/** The stage of the connection to a machine, and the event that it waits for. Pure. */

import type { Progress } from "../transport/relay_session";
import type { ConnectionStage, Path } from "./types";

export interface ConnectionFacts {
  /** A machine is chosen. */
  readonly hasMachine: boolean;
  /** The path that messages take; null when there is none. */
  readonly path: Path | null;
  /** The machine or the relay refused this browser for good. */
  readonly isRefused: boolean;
  readonly progress: Progress;
}

export function connectionStage({ hasMachine, path, isRefused, progress }: ConnectionFacts): ConnectionStage {
  if (!hasMachine) return "unpaired";
  if (path !== null) return "ready";
  if (isRefused) return "refused";
  return progress === "ready" ? "waiting" : progress;
}

/** The event that each stage waits for, as a phrase for people. */
export const WAITS_FOR: Readonly<Record<ConnectionStage, string | null>> = {
  unpaired: "a link to a machine",
  offline: "the relay",
  "signing-in": "the relay to let this browser in",
  waiting: "the machine",
  securing: "the machine to prove its identity",
  ready: null,
  refused: null,
};
