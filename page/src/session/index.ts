import { browserEnvironment, type Environment } from "../platform/environment";
import { MachineSession } from "./machine_session";
import type { Session } from "./types";

export { LinkError } from "../e2e/link";
export type { Environment, RelaySocket } from "../platform/environment";
export * from "./types";

/** Create the session of this page. */
export const createSession = (environment: Environment = browserEnvironment()): Session => new MachineSession(environment);
