/**
 * Handles each message of the agent.
 *
 * `Handlers<FromAgent>` comes from the generated message types: a message without a handler here is a type error.
 */

import type { Frame } from "../protocol/frame";
import { dispatch, type Handlers } from "../protocol/handlers";
import type { FromAgent } from "../protocol/messages";
import type { Combinations } from "./combinations";
import type { Emitter } from "./emitter";
import type { HealthRequests } from "./health_request";
import type { MachineConnection } from "./machine_connection";
import type { Terminals } from "./terminals";
import type { AssistantEvent, Path } from "./types";

export interface InboundTargets {
  readonly connection: MachineConnection;
  readonly terminals: Terminals;
  readonly combinations: Combinations;
  readonly healthRequests: HealthRequests;
  readonly emitter: Emitter;
}

export class Inbound {
  readonly #handlers: Handlers<FromAgent, [path: Path]>;

  constructor(targets: InboundTargets) {
    this.#handlers = handlersFor(targets);
  }

  receive({ type, payload }: Frame, path: Path): void {
    dispatch(this.#handlers, type, payload, path);
  }
}

function handlersFor({ connection, terminals, combinations, healthRequests, emitter }: InboundTargets): Handlers<FromAgent, [path: Path]> {
  const assistant = (event: AssistantEvent): void => emitter.emit("assistant", event);
  return {
    "webrtc:offer": ({ offer }, path) => path === "relay" && connection.offered(offer),
    "webrtc:ice-candidate": ({ candidate }, path) => path === "relay" && connection.candidate(candidate ?? null),
    "processes:sync": (sync, path) => terminals.sync(sync, path),
    "process:created": ({ uuid, name }) => terminals.created(String(uuid), String(name)),
    "process:renamed": ({ uuid, name }) => terminals.renamed(String(uuid), String(name)),
    "process:terminated": ({ uuid }) => terminals.terminated(String(uuid)),
    "process:exited": (exited) => terminals.exited(exited),
    "process:error": ({ uuid, error }) => emitter.emit("trouble", String(error), typeof uuid === "string" && uuid !== "" ? uuid : null),
    "process:printed": ({ uuid }) => terminals.printed(String(uuid)),
    "process:screen": (output, path) => terminals.output("process:screen", output, path),
    "terminal:output": (output, path) => terminals.output("terminal:output", output, path),
    "system:message": () => undefined, // for legacy apps
    "system:health": (health) => healthRequests.answer(health),
    "system:echo": ({ nonce }) => connection.echoed(nonce),
    "ai:started": (payload) => assistant({ ...payload, type: "started" }),
    "ai:action": (payload) => assistant({ ...payload, type: "action" }),
    "ai:message": (payload) => assistant({ ...payload, type: "message" }),
    "ai:approval": (payload) => assistant({ ...payload, type: "approval" }),
    "ai:answered": (payload) => assistant({ ...payload, type: "answered" }),
    "ai:conversations": (payload) => assistant({ ...payload, type: "conversations" }),
    "ai:history": (payload) => assistant({ ...payload, type: "history" }),
    "ai:finished": (payload) => assistant({ ...payload, type: "finished" }),
    "ai:error": (payload) => assistant({ ...payload, type: "error" }),
    "keys:state": (state) => combinations.take(state.combinations),
    "e2e:refused": ({ message }, path) => path === "channel" && connection.endWith(String(message)),
  };
}
