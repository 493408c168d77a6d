/**
 * This page's position in each terminal's output stream. Decides which output is shown, and which answers are sent.
 *
 * The rules are those of docs/reference/protocol-additions.md ("Offsets"). Output counts as arrived immediately, since
 * it stays in memory until it is rendered. Only rendered output is acknowledged. Pure.
 */

import type { FromPhone, Output, ProcessesSync } from "../protocol/messages";

/** A message to the agent: its event and payload. */
export type Outgoing = { [Event in keyof FromPhone]: readonly [type: Event, payload: FromPhone[Event]] }[keyof FromPhone];

export type OutputType = "process:screen" | "terminal:output";

/** The part of a stream that a message covers. */
export type OutputSpan = Pick<Output, "uuid" | "offset" | "end">;

type StreamState =
  | "none" // nothing has arrived that later output can continue
  | "following" // everything up to `end` has arrived
  | "resuming" // output is missing: the agent was asked to resume, and has not answered
  | "in-screen"; // a screen is arriving in parts, and its last part has not come

type OutputKind =
  | "screen" // a whole screen, or its first part
  | "continuation" // a further part of a screen: it has no offset
  | "next" // output that continues at the page's offset, or the first output of a new terminal
  | "old" // output that has arrived already
  | "gap" // output that does not continue at the page's offset
  | "probe-match" // the agent asks for the page's offset, which is the one that it expects
  | "probe-mismatch"; // the agent expects another offset than the page's

type OutputAction = "show" | "ignore" | "resume" | "acknowledge";

/** The handling of each kind of output. `show` leads to "following", or to "in-screen" without an `end`; `resume` to "resuming". */
export const OUTPUT_ACTIONS: Readonly<Record<StreamState, Readonly<Record<OutputKind, OutputAction>>>> = {
  none: { screen: "show", continuation: "ignore", next: "show", old: "ignore", gap: "resume", "probe-match": "acknowledge", "probe-mismatch": "resume" },
  following: { screen: "show", continuation: "ignore", next: "show", old: "ignore", gap: "resume", "probe-match": "acknowledge", "probe-mismatch": "resume" },
  resuming: { screen: "show", continuation: "ignore", next: "show", old: "ignore", gap: "ignore", "probe-match": "acknowledge", "probe-mismatch": "resume" },
  "in-screen": { screen: "show", continuation: "show", next: "show", old: "ignore", gap: "resume", "probe-match": "acknowledge", "probe-mismatch": "resume" },
};

interface StreamPosition {
  stream: string | null;
  state: StreamState;
  /** Everything up to this offset has arrived; null in the states "none" and "in-screen". */
  end: number | null;
  rendered: number;
  acknowledged: number;
}

const fresh = (stream: string | null): StreamPosition => ({ stream, state: "none", end: null, rendered: 0, acknowledged: 0 });

function kindOf(position: StreamPosition, type: OutputType, { offset, end }: OutputSpan): OutputKind {
  if (type === "process:screen") return "screen";
  if (offset === undefined) return "continuation";
  if (offset === end) return position.end === end ? "probe-match" : "probe-mismatch";
  if (offset === position.end || (position.state === "none" && offset === 0)) return "next";
  return position.end !== null && end !== undefined && end <= position.end ? "old" : "gap";
}

export class Offsets {
  readonly #positions = new Map<string, StreamPosition>(); // bounded by the agent's terminals
  #paths: Set<string> | null = null;
  #window = 0;
  #used = false;

  /** Process a `processes:sync` that arrived by this path. Returns the answers. */
  sync(sync: Pick<ProcessesSync, "processes" | "resume" | "window">, path: string): Outgoing[] {
    this.#used = sync.resume !== undefined || sync.window !== undefined;
    this.#window = sync.window ?? 0;
    const listed = new Set(sync.processes.map(({ uuid }) => uuid));
    for (const uuid of [...this.#positions.keys()]) if (!listed.has(uuid)) this.#positions.delete(uuid);
    for (const { uuid, stream } of sync.processes) {
      const known = this.#positions.get(uuid);
      if (known === undefined || (known.stream !== null && known.stream !== stream)) this.#positions.set(uuid, fresh(stream ?? null));
      else known.stream = stream ?? null;
    }
    if (!sync.resume) {
      this.#paths?.add(path);
      return [];
    }
    this.#paths = new Set([path]);
    return [this.#resume([...listed])];
  }

  /** Return the offset up to which a terminal's output has arrived; null when there is none. */
  end(uuid: string): number | null {
    return this.#positions.get(uuid)?.end ?? null;
  }

  /** Return the name of a terminal's stream; null when it is unknown. */
  stream(uuid: string): string | null {
    return this.#positions.get(uuid)?.stream ?? null;
  }

  /** Whether the agent sends offsets. */
  get areUsed(): boolean {
    return this.#used;
  }

  /** Record that the view has discarded a terminal's screen. Returns the messages to send. */
  drop(uuid: string): Outgoing[] {
    const position = this.#positions.get(uuid);
    if (position === undefined) return [];
    this.#positions.set(uuid, fresh(position.stream));
    return this.#used ? [this.#resume([uuid])] : [];
  }

  /** Process a screen or output that arrived by this path. Returns whether it is shown, and the answers. */
  take(type: OutputType, output: OutputSpan, path: string): [isShown: boolean, answers: Outgoing[]] {
    if (!this.#used) return [true, []];
    if (this.#paths !== null && !this.#paths.has(path)) return [false, []];
    const { uuid, end } = output;
    const position = this.#of(uuid);
    switch (OUTPUT_ACTIONS[position.state][kindOf(position, type, output)]) {
      case "show":
        position.state = end === undefined ? "in-screen" : "following";
        position.end = end ?? null;
        return [true, []];
      case "acknowledge":
        return [false, this.#acknowledge(uuid, position)];
      case "resume":
        position.state = "resuming";
        return [false, [this.#resume([uuid])]];
      case "ignore":
        return [false, []];
    }
  }

  /** Record that all output up to this offset is rendered. Returns the acknowledgement, if one is due. */
  rendered(uuid: string, end: number | null, stream: string | null): Outgoing[] {
    const position = this.#positions.get(uuid);
    if (!this.#used || position === undefined || position.stream !== stream || end === null || position.end === null || end > position.end) return [];
    position.rendered = Math.max(position.rendered, end);
    return position.rendered - position.acknowledged >= this.#window / 4 ? this.#acknowledge(uuid, position) : [];
  }

  #of(uuid: string): StreamPosition {
    let position = this.#positions.get(uuid);
    if (position === undefined) this.#positions.set(uuid, (position = fresh(null)));
    return position;
  }

  #acknowledge(uuid: string, position: StreamPosition): Outgoing[] {
    position.acknowledged = position.rendered;
    return [["terminal:ack", { uuid, end: position.rendered }]];
  }

  #resume(uuids: readonly string[]): Outgoing {
    const terminals = uuids.map((uuid) => {
      const position = this.#of(uuid);
      if (position.state === "in-screen") position.state = "none";
      const { stream, end } = position;
      return stream === null || end === null ? { uuid } : { uuid, stream, end };
    });
    return ["terminal:resume", { terminals }];
  }
}
