// The phone's offset in each terminal, by the rules of docs/reference/protocol-additions.md: what to show and acknowledge.

const FEATURES = ['ack', 'resume'];

export class Places {
  features = FEATURES;
  #places = new Map(); // uuid -> {stream, end, acknowledged, inScreen, asked}
  #paths = null;
  #window = 0;
  #used = false; // whether the agent knows them too

  of(uuid) {
    if (!this.#places.has(uuid)) this.#places.set(uuid, { stream: null, end: null, acknowledged: 0, inScreen: false, asked: false });
    return this.#places.get(uuid);
  }

  // The answers to a sync that came by `path`.
  sync({ processes, resume, window }, path) {
    this.#used = resume !== undefined || window !== undefined;
    this.#window = window ?? 0;
    const uuids = processes.map(({ uuid }) => uuid);
    for (const uuid of this.#places.keys()) if (!uuids.includes(uuid)) this.#places.delete(uuid);
    for (const { uuid, stream } of processes) {
      if (this.of(uuid).stream !== null && this.of(uuid).stream !== stream) this.#places.delete(uuid);
      this.of(uuid).stream = stream;
    }
    if (!resume) {
      this.#paths?.add(path);
      return [];
    }
    this.#paths = new Set([path]);
    return [this.#resume(uuids)];
  }

  #resume(uuids) {
    const told = ({ stream, end }) => (stream === null || end === null ? {} : { stream, end });
    for (const uuid of uuids) this.of(uuid).inScreen = false;
    return ['terminal:resume', { terminals: uuids.map((uuid) => ({ uuid, ...told(this.of(uuid)) })) }];
  }

  // Whether to show a screen or output that came by `path`, and the answers.
  take(event, { uuid, offset, end }, path) {
    if (!this.#used) return [true, []];
    if (this.#paths && !this.#paths.has(path)) return [false, []];
    const place = this.of(uuid);
    if (event === 'process:screen') return this.#shown(uuid, Object.assign(place, { asked: false, inScreen: true }), end);
    if (offset === undefined) return place.inScreen ? this.#shown(uuid, place, end) : [false, []];
    if (offset === end) return [false, place.end === end ? [this.#acknowledged(uuid, place)] : this.#gap(uuid, place)];
    if (offset === 0 && place.end === null && !place.asked && !place.inScreen) place.end = 0;
    if (offset === place.end) return this.#shown(uuid, Object.assign(place, { asked: false }), end);
    return [false, place.asked || (place.end !== null && end <= place.end) ? [] : this.#gap(uuid, place)];
  }

  #gap(uuid, place) {
    place.asked = true;
    return [this.#resume([uuid])];
  }

  #shown(uuid, place, end) {
    Object.assign(place, { end: end ?? null, inScreen: end === undefined });
    const due = end !== undefined && end - place.acknowledged >= this.#window / 4;
    return [true, due ? [this.#acknowledged(uuid, place)] : []];
  }

  #acknowledged(uuid, place) {
    place.acknowledged = place.end;
    return ['terminal:ack', { uuid, end: place.end }];
  }
}
