/**
 * How far this page is with each terminal's stream: what of what comes is to be shown, and what is to be answered.
 *
 * The rules are those of docs/reference/protocol-additions.md ("Offsets"). Pure.
 * It has a terminal's output as soon as it
 * came, since it stays in the page until it is rendered; it acknowledges what was rendered.
 */

import type { FromPhone, Output, ProcessesSync } from "../protocol/messages";

/** A message to the agent. */
export type Outgoing = { [Event in keyof FromPhone]: readonly [type: Event, payload: FromPhone[Event]] }[keyof FromPhone];

/** What decides whether a piece of output is shown. */
export type OutputSpan = Pick<Output, "uuid" | "offset" | "end">;

interface StreamPosition {
  stream: string | null;
  /** It has all of the stream up to here; null: nothing that goes on. */
  end: number | null;
  rendered: number;
  acknowledged: number;
  /** A screen is coming, of which not all is there. */
  inScreen: boolean;
  /** It waits for what it asked for. */
  asked: boolean;
}

const fresh = (stream: string | null): StreamPosition => ({ stream, end: null, rendered: 0, acknowledged: 0, inScreen: false, asked: false });

export class Offsets {
  readonly #positions = new Map<string, StreamPosition>(); // bounded by the agent's terminals
  #paths: Set<string> | null = null;
  #window = 0;
  #used = false;

  /** What is answered to `processes:sync`, which came by this path. */
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

  /** How far it is with a terminal; null: nothing that goes on. */
  end(uuid: string): number | null {
    return this.#positions.get(uuid)?.end ?? null;
  }

  /** The name of what a terminal prints; null: not known. */
  stream(uuid: string): string | null {
    return this.#positions.get(uuid)?.stream ?? null;
  }

  /** Whether the agent tells positions. */
  get areUsed(): boolean {
    return this.#used;
  }

  /** What was shown of it is thrown away. What is to be told to the agent. */
  drop(uuid: string): Outgoing[] {
    const position = this.#positions.get(uuid);
    if (position === undefined) return [];
    this.#positions.set(uuid, fresh(position.stream));
    return this.#used ? [this.#resume([uuid])] : [];
  }

  /** Whether a screen or output that came by this path is to be shown, and what is answered. */
  take(type: "process:screen" | "terminal:output", { uuid, offset, end }: OutputSpan, path: string): [boolean, Outgoing[]] {
    if (!this.#used) return [true, []];
    if (this.#paths !== null && !this.#paths.has(path)) return [false, []];
    const position = this.#of(uuid);
    if (type === "process:screen") {
      position.asked = false;
      this.#reach(position, end);
      return [true, []];
    }
    if (offset === undefined) {
      if (!position.inScreen) return [false, []];
      this.#reach(position, end);
      return [true, []];
    }
    if (offset === end) return [false, this.#isAsked(uuid, position, offset)];
    if (position.end === null && !position.asked && !position.inScreen && offset === 0) position.end = 0; // a terminal that is new
    if (offset === position.end) {
      position.asked = false;
      this.#reach(position, end);
      return [true, []];
    }
    return [false, this.#gap(uuid, position, end)];
  }

  /** All of this stream that came up to here is rendered: the acknowledgement, when one is due. */
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

  #isAsked(uuid: string, position: StreamPosition, end: number): Outgoing[] {
    if (position.end === end) return this.#acknowledge(uuid, position);
    position.asked = true;
    return [this.#resume([uuid])];
  }

  #gap(uuid: string, position: StreamPosition, end: number | undefined): Outgoing[] {
    if (position.asked || (position.end !== null && end !== undefined && end <= position.end)) return [];
    position.asked = true;
    return [this.#resume([uuid])];
  }

  #acknowledge(uuid: string, position: StreamPosition): Outgoing[] {
    position.acknowledged = position.rendered;
    return [["terminal:ack", { uuid, end: position.rendered }]];
  }

  #resume(uuids: readonly string[]): Outgoing {
    const told = uuids.map((uuid) => {
      const position = this.#of(uuid);
      position.inScreen = false;
      const { stream, end } = position;
      return stream === null || end === null ? { uuid } : { uuid, stream, end };
    });
    return ["terminal:resume", { terminals: told }];
  }
}
