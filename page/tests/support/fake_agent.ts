/** A fake agent: the machine's side of pairing, encryption, resume and ack. Its terminals print ASCII only. */

import { keyPair, type KeyPair } from "../../src/e2e/noise";
import { base64, hex, text, unbase64, utf8 } from "../../src/platform/bytes";
import { linkKey, NO_LINK } from "../../src/e2e/session_cipher";
import { Identity, sign } from "../../src/transport/identity";
import { Direction, Responder } from "./noise_responder";

type Payload = Record<string, any>;
type Path = "channel" | "relay";

export interface Terminal {
  uuid: string;
  name: string;
  createdAt: number;
  stream: string;
  printed: string;
  typed: string;
  size: readonly [number, number];
  /** The offsets that were sent and acknowledged. `sent` is null until the phone has reported its own. */
  sent: number | null;
  acknowledged: number;
  /** How its shell ended. The terminal stays. */
  exited?: { status: number };
}

/** Bytes of one message of output. */
const CHUNK = 1000;

export class FakeAgent {
  readonly key: KeyPair;
  readonly identity = new Identity(new Uint8Array(32).fill(5));
  readonly pinned = new Set<string>();
  readonly revoked = new Set<string>();
  readonly links = new Set<string>();
  readonly terminals = new Map<string, Terminal>();
  features: readonly string[] = ["ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind"];
  /** The stored key combinations; null: none yet. */
  combinations: Payload[] | null = null;
  /** Whether it accepts combinations from a phone. */
  takesKeys = true;
  name = "the machine";
  window = 8000;
  active: readonly string[] = [];
  /** The numbers of the phone's messages in this session, except WebRTC signalling. */
  readonly numbers: (number | undefined)[] = [];
  /** All messages of the phone. */
  readonly received: (readonly [type: string, payload: Payload, path: Path])[] = [];
  /** Whether it answers `system:echo`. */
  answersEchoes = true;
  /** Signs a challenge. */
  sign = (challenge: string): string => sign(this.identity.shared(this.phoneKey), challenge);
  phoneKey = "";
  phoneFeatures: readonly string[] = [];
  phoneName = "";
  channel: { send(text: string): void } | null = null;
  #phoneId = "";
  #responder: { takes: Direction; sends: Direction; ready: boolean; key: string; psk: string } | null = null;
  #count = 0;
  #next = 1;
  /** The offsets of terminals that the phone does not show. */
  readonly #has = new Map<string, readonly [stream: string | undefined, end: number | undefined]>();

  /** `toRelay` sends an event by relay. */
  constructor(
    private readonly toRelay: (event: string, payload: Payload) => void,
    readonly id = "00112233-4455-6677-8899-aabbccddeeff",
    number = 1,
  ) {
    this.key = keyPair(new Uint8Array(32).fill(number));
  }

  // -- pairing

  begin(phoneId: string): void {
    this.#phoneId = phoneId;
    this.#responder = null;
    this.channel = null;
    for (const terminal of this.terminals.values()) terminal.sent = null;
  }

  get isSealed(): boolean {
    return this.#responder?.ready ?? false;
  }

  link(secret: Uint8Array): void {
    this.links.add(hex(linkKey(secret)));
  }

  #welcome(message: string): void {
    let responder: Responder;
    try {
      responder = new Responder(this.key.secret, utf8(`MobiFai e2e 1\n${this.id}\n${this.#phoneId}`), unbase64(message));
    } catch {
      return this.refuse("broken");
    }
    const key = hex(responder.initiator);
    const psks = [...(this.pinned.has(key) ? [hex(NO_LINK)] : []), ...this.links];
    for (const psk of psks) {
      const payload = responder.tryPsk(Uint8Array.from(psk.match(/../g)!, (pair) => parseInt(pair, 16)));
      if (payload === null) continue;
      this.phoneName = JSON.parse(text(payload)).name;
      this.phoneFeatures = JSON.parse(text(payload)).features;
      this.#count += 1;
      const introduction = utf8(JSON.stringify({ name: this.name, features: this.features }));
      const { message: answer, takes, sends } = responder.welcome(introduction, new Uint8Array(32).fill(this.#count + 100));
      this.#responder = { takes, sends, ready: false, key, psk };
      this.toRelay("e2e:welcome", { message: base64(answer) });
      return;
    }
    const reason = responder.tryPsk(NO_LINK) === null ? "link-used" : this.revoked.has(key) ? "revoked" : "unknown";
    this.refuse(reason);
  }

  refuse(reason: string): void {
    this.#responder = null;
    this.toRelay("e2e:refused", { reason, message: `because: ${reason}` });
  }

  receiveFromRelay(event: string, payload: Payload): void {
    if (event === "e2e:hello") return this.#welcome(payload["message"]);
    if (event !== "e2e:sealed" || this.#responder === null) return;
    let frame: { type: string; payload: Payload; seq?: number };
    try {
      frame = JSON.parse(text(this.#responder.takes.open(unbase64(payload["data"]))));
    } catch {
      return this.refuse("broken");
    }
    if (this.#responder.ready) {
      if (!frame.type.startsWith("webrtc:")) this.numbers.push(frame.seq);
      return this.#receive(frame.type, frame.payload, "relay");
    }
    this.numbers.length = 0;
    this.#next = 1;
    this.#responder.ready = frame.type === "e2e:ready";
    this.links.delete(this.#responder.psk);
    this.pinned.add(this.#responder.key);
    this.sync();
    this.offer();
  }

  /** Offer a data channel. */
  offer(): void {
    this.send("webrtc:offer", { offer: { type: "offer", sdp: "the agent's offer" } });
  }

  receiveFromChannel(message: string): void {
    const { type, payload, seq } = JSON.parse(message);
    this.numbers.push(seq);
    this.#receive(type, payload, "channel");
  }

  // -- sending

  /** Send by the channel if there is one, and by the relay otherwise. */
  send(type: string, payload: Payload): void {
    const message = { type, payload, seq: this.#number(type) };
    if (this.channel !== null) this.channel.send(JSON.stringify(message));
    else if (this.#responder?.ready) this.toRelay("e2e:sealed", { data: this.#seal(message) });
  }

  #number(type: string): number | undefined {
    const isOrdered = this.features.includes("order") && this.phoneFeatures.includes("order");
    if (!isOrdered) return undefined;
    return type.startsWith("webrtc:") ? this.#next : this.#next++;
  }

  #seal(message: unknown): string {
    return base64(this.#responder!.sends.seal(utf8(JSON.stringify(message))));
  }

  /** Encrypt a message now. Returns a function that delivers it by the relay. */
  later(type: string, payload: Payload): () => void {
    const data = this.#seal({ type, payload, seq: this.#number(type) });
    return () => this.toRelay("e2e:sealed", { data });
  }

  get #resumes(): boolean {
    return this.phoneFeatures.includes("resume");
  }

  sync(): void {
    for (const terminal of this.terminals.values()) terminal.sent = this.#resumes ? null : terminal.printed.length;
    const processes = [...this.terminals.values()].map(({ uuid, name, createdAt, stream, printed, exited }) => ({
      uuid, name, createdAt, stream, end: printed.length, ...(exited === undefined ? {} : { exited }),
    }));
    this.send("processes:sync", { processes, activeUuids: this.active, resume: true, window: this.window });
  }

  /** The channel opened, or ended (null). */
  reached(channel: { send(text: string): void } | null): void {
    this.channel = channel;
    this.sync();
  }

  make(uuid: string, name = "Tab", size: readonly [number, number] = [80, 24]): Terminal {
    const createdAt = 1_700_000_000_000 + this.terminals.size;
    const terminal = { uuid, name, createdAt, stream: `s-${uuid}`, printed: "", typed: "", size, sent: 0, acknowledged: 0 };
    this.terminals.set(uuid, terminal);
    return terminal;
  }

  /** Have a terminal print. */
  print(uuid: string, data: string): void {
    const terminal = this.terminals.get(uuid)!;
    terminal.printed += data;
    if (this.active.includes(uuid)) this.#pump(terminal);
    else if (this.isSealed) this.send("process:printed", { uuid, end: terminal.printed.length });
  }

  /** Send what fits into the window. */
  #pump(terminal: Terminal): void {
    while (terminal.sent !== null && terminal.sent < terminal.printed.length && terminal.sent - terminal.acknowledged < this.window) {
      const offset: number = terminal.sent;
      const data = terminal.printed.slice(offset, offset + CHUNK);
      terminal.sent = offset + data.length;
      this.send("terminal:output", { uuid: terminal.uuid, data, offset, end: terminal.sent });
    }
  }

  #goOn(terminal: Terminal, stream: string | undefined, end: number | undefined): void {
    if (!this.active.includes(terminal.uuid)) return void this.#has.set(terminal.uuid, [stream, end]);
    this.#has.delete(terminal.uuid);
    if (stream === terminal.stream && end !== undefined && end <= terminal.printed.length) {
      terminal.sent = terminal.acknowledged = end;
    } else {
      terminal.sent = terminal.acknowledged = terminal.printed.length;
      this.send("process:screen", { uuid: terminal.uuid, data: `<${terminal.printed}>`, end: terminal.printed.length });
    }
    this.#pump(terminal);
  }

  #receive(type: string, payload: Payload, path: Path): void {
    this.received.push([type, payload, path]);
    this.#handlers[type]?.(payload);
  }

  readonly #handlers: Record<string, (payload: Payload) => void> = {
    "process:create": ({ uuid, name, cols, rows }) => {
      const { name: named } = this.make(uuid, name, [cols, rows]);
      this.active = [uuid];
      this.send("process:created", { uuid, name: named });
    },
    "process:rename": ({ uuid, name }) => {
      this.terminals.get(uuid)!.name = name;
      this.send("process:renamed", { uuid, name });
    },
    "process:terminate": ({ uuid }) => {
      this.terminals.delete(uuid);
      this.send("process:terminated", { uuid });
    },
    "process:switch": ({ activeUuids }) => {
      this.active = activeUuids.filter((uuid: string) => this.terminals.has(uuid));
      for (const uuid of this.active) {
        const terminal = this.terminals.get(uuid)!;
        const has = this.#has.get(uuid);
        if (has !== undefined) this.#goOn(terminal, ...has);
        else if (terminal.sent !== null) this.#pump(terminal);
      }
    },
    "terminal:resume": ({ terminals }) => {
      for (const { uuid, stream, end } of terminals) {
        const terminal = this.terminals.get(uuid);
        if (terminal !== undefined) this.#goOn(terminal, stream, end);
      }
    },
    "terminal:ack": ({ uuid, end }) => {
      const terminal = this.terminals.get(uuid)!;
      terminal.acknowledged = Math.max(terminal.acknowledged, end);
      this.#pump(terminal);
    },
    "terminal:input": ({ uuid, data }) => void (this.terminals.get(uuid)!.typed += data),
    "terminal:resize": ({ uuid, cols, rows }) => void (this.terminals.get(uuid)!.size = [cols, rows]),
    "system:echo": (payload) => {
      if (this.answersEchoes) this.send("system:echo", payload);
    },
    "system:health": () => this.send("system:health", { version: "1", uptimeSeconds: 5, memoryBytes: 1, memoryLimitBytes: 2, terminals: this.terminals.size, worstCaseBytes: 3, facts: [], bounds: [] }),
    "keys:get": () => this.send("keys:state", { combinations: this.combinations }),
    "keys:set": ({ combinations }) => {
      if (!this.takesKeys) return this.send("process:error", { uuid: "", error: "no" });
      this.combinations = combinations;
      this.send("keys:state", { combinations });
    },
    "ai:prompt": ({ prompt, uuid }) => this.send("ai:started", { uuid, conversation: 1, prompt }),
  };
}
