/**
 * How far this page is in each terminal's output stream: decides which output is shown, and what is answered.
 *
 * The rules are those of docs/reference/protocol-additions.md ("Offsets"). Output has arrived as soon as it came, since
 * it stays in memory until it is rendered. Acknowledgements are for what was rendered. Pure.
 */

import type { FromPhone, Output, ProcessesSync } from "../protocol/messages";

/** A message to the agent: its event and payload. */
export type Outgoing = { [Event in keyof FromPhone]: readonly [type: Event, payload: FromPhone[Event]] }[keyof FromPhone];

/** The part of a stream that a message covers. */
export type OutputSpan = Pick<Output, "uuid" | "offset" | "end">;

interface StreamPosition {
  stream: string | null;
  /** Everything up to this offset has arrived; null: nothing that later output can continue. */
  end: number | null;
  rendered: number;
  acknowledged: number;
  /** A screen is arriving in parts, and its last part has not come. */
  inScreen: boolean;
  /** The agent was asked to resume, and has not answered. */
  isResuming: boolean;
}

const fresh = (stream: string | null): StreamPosition => ({ stream, end: null, rendered: 0, acknowledged: 0, inScreen: false, isResuming: false });

export class Offsets {
  readonly #positions = new Map<string, StreamPosition>(); // bounded by the agent's terminals
  #paths: Set<string> | null = null;
  #window = 0;
  #used = false;

  /** Take a `processes:sync` that came by this path. Returns the answers. */
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

  /** The view discarded what it showed of a terminal. Returns the messages to send. */
  drop(uuid: string): Outgoing[] {
    const position = this.#positions.get(uuid);
    if (position === undefined) return [];
    this.#positions.set(uuid, fresh(position.stream));
    return this.#used ? [this.#resume([uuid])] : [];
  }

  /** Take a screen or output that came by this path. Returns whether it is shown, and the answers. */
  take(type: "process:screen" | "terminal:output", { uuid, offset, end }: OutputSpan, path: string): [boolean, Outgoing[]] {
    if (!this.#used) return [true, []];
    if (this.#paths !== null && !this.#paths.has(path)) return [false, []];
    const position = this.#of(uuid);
    if (type === "process:screen") {
      position.isResuming = false;
      this.#reach(position, end);
      return [true, []];
    }
    if (offset === undefined) {
      if (!position.inScreen) return [false, []];
      this.#reach(position, end);
      return [true, []];
    }
    if (offset === end) return [false, this.#isCurrent(uuid, position, offset)];
    if (position.end === null && !position.isResuming && !position.inScreen && offset === 0) position.end = 0; // a new terminal
    if (offset === position.end) {
      position.isResuming = false;
      this.#reach(position, end);
      return [true, []];
    }
    return [false, this.#gap(uuid, position, end)];
  }

  /** Everything up to this offset is rendered. Returns the acknowledgement, if one is due. */
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

  #reach(position: StreamPosition, end: number | undefined): void {
    position.end = end ?? null;
    position.inScreen = end === undefined;
  }

  #isCurrent(uuid: string, position: StreamPosition, end: number): Outgoing[] {
    if (position.end === end) return this.#acknowledge(uuid, position);
    position.isResuming = true;
    return [this.#resume([uuid])];
  }

  #gap(uuid: string, position: StreamPosition, end: number | undefined): Outgoing[] {
    if (position.isResuming || (position.end !== null && end !== undefined && end <= position.end)) return [];
    position.isResuming = true;
    return [this.#resume([uuid])];
  }

  #acknowledge(uuid: string, position: StreamPosition): Outgoing[] {
    position.acknowledged = position.rendered;
    return [["terminal:ack", { uuid, end: position.rendered }]];
  }

  #resume(uuids: readonly string[]): Outgoing {
    const terminals = uuids.map((uuid) => {
      const position = this.#of(uuid);
      position.inScreen = false;
      const { stream, end } = position;
      return stream === null || end === null ? { uuid } : { uuid, stream, end };
    });
    return ["terminal:resume", { terminals }];
  }
}
