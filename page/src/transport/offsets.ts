/**
 * How far this page is with each terminal's stream: what of what comes is to be shown, and what is to be answered.
 *
 * The rules are those of docs/reference/protocol-additions.md ("How far a phone is"). Pure.
 * It has a terminal's output as soon as it
 * came, since it stays in the page until it is rendered; it acknowledges what was rendered.
 */

import type { FromPhone, Output, ProcessesSync } from "../protocol/messages";

/** A message to the agent. */
export type Outgoing = { [Event in keyof FromPhone]: readonly [type: Event, payload: FromPhone[Event]] }[keyof FromPhone];

/** What decides whether a piece of output is shown. */
export type Piece = Pick<Output, "uuid" | "offset" | "end">;

interface Place {
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

const fresh = (stream: string | null): Place => ({ stream, end: null, rendered: 0, acknowledged: 0, inScreen: false, asked: false });

export class Offsets {
  readonly #places = new Map<string, Place>(); // bounded by the agent's terminals
  #paths: Set<string> | null = null;
  #window = 0;
  #used = false;

  /** What is answered to `processes:sync`, which came by this path. */
  sync(sync: Pick<ProcessesSync, "processes" | "resume" | "window">, path: string): Outgoing[] {
    this.#used = sync.resume !== undefined || sync.window !== undefined;
    this.#window = sync.window ?? 0;
    const listed = new Set(sync.processes.map(({ uuid }) => uuid));
    for (const uuid of [...this.#places.keys()]) if (!listed.has(uuid)) this.#places.delete(uuid);
    for (const { uuid, stream } of sync.processes) {
      const known = this.#places.get(uuid);
      if (known === undefined || (known.stream !== null && known.stream !== stream)) this.#places.set(uuid, fresh(stream ?? null));
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
    return this.#places.get(uuid)?.end ?? null;
  }

  /** The name of what a terminal prints; null: not known. */
  stream(uuid: string): string | null {
    return this.#places.get(uuid)?.stream ?? null;
  }

  /** Whether the agent tells positions. */
  get areUsed(): boolean {
    return this.#used;
  }

  /** What was shown of it is thrown away. What is to be told to the agent. */
  drop(uuid: string): Outgoing[] {
    const place = this.#places.get(uuid);
    if (place === undefined) return [];
    this.#places.set(uuid, fresh(place.stream));
    return this.#used ? [this.#resume([uuid])] : [];
  }

  /** Whether a screen or output that came by this path is to be shown, and what is answered. */
  take(type: "process:screen" | "terminal:output", { uuid, offset, end }: Piece, path: string): [boolean, Outgoing[]] {
    if (!this.#used) return [true, []];
    if (this.#paths !== null && !this.#paths.has(path)) return [false, []];
    const place = this.#of(uuid);
    if (type === "process:screen") {
      place.asked = false;
      this.#reach(place, end);
      return [true, []];
    }
    if (offset === undefined) {
      if (!place.inScreen) return [false, []];
      this.#reach(place, end);
      return [true, []];
    }
    if (offset === end) return [false, this.#isAsked(uuid, place, offset)];
    if (place.end === null && !place.asked && !place.inScreen && offset === 0) place.end = 0; // a terminal that is new
    if (offset === place.end) {
      place.asked = false;
      this.#reach(place, end);
      return [true, []];
    }
    return [false, this.#gap(uuid, place, end)];
  }

  /** All of this stream that came up to here is rendered: the acknowledgement, when one is due. */
  rendered(uuid: string, end: number | null, stream: string | null): Outgoing[] {
    const place = this.#places.get(uuid);
    if (!this.#used || place === undefined || place.stream !== stream || end === null || place.end === null || end > place.end) return [];
    place.rendered = Math.max(place.rendered, end);
    return place.rendered - place.acknowledged >= this.#window / 4 ? this.#acknowledge(uuid, place) : [];
  }

  #of(uuid: string): Place {
    let place = this.#places.get(uuid);
    if (place === undefined) this.#places.set(uuid, (place = fresh(null)));
    return place;
  }

  #reach(place: Place, end: number | undefined): void {
    place.end = end ?? null;
    place.inScreen = end === undefined;
  }

  #isAsked(uuid: string, place: Place, end: number): Outgoing[] {
    if (place.end === end) return this.#acknowledge(uuid, place);
    place.asked = true;
    return [this.#resume([uuid])];
  }

  #gap(uuid: string, place: Place, end: number | undefined): Outgoing[] {
    if (place.asked || (place.end !== null && end !== undefined && end <= place.end)) return [];
    place.asked = true;
    return [this.#resume([uuid])];
  }

  #acknowledge(uuid: string, place: Place): Outgoing[] {
    place.acknowledged = place.rendered;
    return [["terminal:ack", { uuid, end: place.rendered }]];
  }

  #resume(uuids: readonly string[]): Outgoing {
    const told = uuids.map((uuid) => {
      const place = this.#of(uuid);
      place.inScreen = false;
      const { stream, end } = place;
      return stream === null || end === null ? { uuid } : { uuid, stream, end };
    });
    return ["terminal:resume", { terminals: told }];
  }
}
