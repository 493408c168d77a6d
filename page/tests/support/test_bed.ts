/** A fake relay, machine and browser. Tests can read, intercept and cut the traffic between them. */

import { unhex } from "../../src/platform/bytes";
import { base64url } from "./base64url";
import { createSession, type Environment, type RelaySocket, type Session } from "../../src/session";
import type { Connection, TerminalOutput, Tab } from "../../src/session";
import { boundText, sign, type Party } from "../../src/transport/identity";
import { Clock } from "./clock";
import { FakeAgent } from "./fake_agent";
import { FakePeerConnection } from "./fake_peer_connection";

type Payload = any;
type Listener = (event: string, payload: unknown) => void;

/** From the phone to the relay, or from the relay to the phone. */
export type Direction = "up" | "down";

/** Pseudo-random bytes, the same in every run. */
function bytes(): (length: number) => Uint8Array {
  let state = 12345;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 16;
    });
}

/** Messages keep their order within a lane. */
type Lane = "up" | "down" | "channel up" | "channel down";

export class MemoryStorage {
  readonly kept = new Map<string, string>();
  readonly getItem = (name: string): string | null => this.kept.get(name) ?? null;
  setItem = (name: string, value: string): void => void this.kept.set(name, value);
  readonly removeItem = (name: string): void => void this.kept.delete(name);
}

interface PhoneSocket {
  readonly listener: Listener;
  deviceId: string | null;
}

export class TestBed {
  readonly clock = new Clock();
  agent: FakeAgent;
  storage: MemoryStorage | null = new MemoryStorage();
  /** The tokens and codes that the relay accepts. */
  readonly tokens = new Set<string>();
  readonly codes = new Set<string>();
  settings: Record<string, unknown> = { theme: "dark" };
  /** The settings that were saved. */
  readonly saved: unknown[] = [];
  agentIsThere = true;
  /** Faults. */
  relayIsUp = true;
  refusal = "wrong code";
  hasPeers = true;
  /** Whether a peer connection gathers its candidates. */
  gathers = true;
  visible = true;
  peerFeatures: readonly string[] = ["ack", "resume", "e2e", "unseen", "bind"];
  peerChallenge: string | undefined = "ab".repeat(32);
  /** Called for each event: returns what is delivered instead, or null to drop it. */
  intercept: (direction: Direction, event: string, payload: Payload) => Payload | null = (_direction, _event, payload) => payload;
  /** All events that were sent. */
  readonly traffic: (readonly [Direction, string, Payload])[] = [];
  connections = 0;
  peers: FakePeerConnection[] = [];
  #sockets: PhoneSocket[] = [];
  /** Picks the lane of the next message. Null: messages arrive in the order in which they were sent. */
  pickLane: ((lanes: number) => number) | null = null;
  #queue: { readonly lane: Lane; readonly call: () => void }[] = [];
  #paired = false;
  #challenge = "cd".repeat(32);
  #phoneId = "";
  #confirmed = 0;
  #randomBytes = bytes();

  constructor() {
    this.agent = this.machine();
  }

  /** Create another machine. Assign it to `agent` to connect it to the relay. */
  machine(id?: string, number?: number): FakeAgent {
    return new FakeAgent((event, payload) => this.#down(event, payload), id, number);
  }

  // -- the browser

  environment(): Environment {
    const random = this.#randomBytes;
    return {
      storage: this.storage,
      deviceName: "Test on a device",
      now: this.clock.now,
      after: this.clock.after,
      random: () => 0.5,
      randomBytes: random,
      uuid: () => {
        const digits = Array.from(random(16), (byte) => byte.toString(16).padStart(2, "0")).join("");
        return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      },
      connect: (token) => this.#connect(token),
      peer: () => (this.hasPeers ? this.#peer() : null),
      fetch: (path, options) => this.#fetch(path, options),
      isVisible: () => this.visible,
    };
  }

  #peer(): RTCPeerConnection {
    const peer = new FakePeerConnection((message) => this.later("channel up", () => this.agent.receiveFromChannel(message)));
    if (!this.gathers) peer.iceGatheringState = "gathering";
    this.peers.push(peer);
    return peer as unknown as RTCPeerConnection;
  }

  // -- the traffic

  later(lane: Lane, call: () => void): void {
    this.#queue.push({ lane, call });
  }

  #next(): (() => void) | undefined {
    const lanes = [...new Set(this.#queue.map(({ lane }) => lane))];
    const lane = lanes[this.pickLane?.(lanes.length) ?? 0];
    const at = this.#queue.findIndex((one) => one.lane === lane);
    return at < 0 ? undefined : this.#queue.splice(at, 1)[0]?.call;
  }

  /** Deliver messages until none are left. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const call = this.#next();
      if (call !== undefined) call();
      else await new Promise((resolve) => setImmediate(resolve));
      quiet = call === undefined ? quiet + 1 : 0;
    }
  }

  /** Let time pass, with everything that happens in it. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.clock.now() + milliseconds;
    await this.settle();
    while (this.clock.step(until)) await this.settle();
  }

  #connect(token: string | null): RelaySocket {
    this.connections += 1;
    let socket: PhoneSocket | null = null;
    return {
      listen: (listener) => {
        socket = { listener, deviceId: null };
        this.#sockets.push(socket);
        if (this.relayIsUp) this.#deliver(socket, "connect", undefined);
        else this.#deliver(socket, "connect_error", "refused");
      },
      emit: (event, payload) => {
        const from = socket!;
        const sent = structuredClone(payload) as Payload;
        this.traffic.push(["up", event, sent]);
        const intercepted = this.intercept("up", event, sent);
        if (intercepted !== null) this.later("up", () => this.#sockets.includes(from) && this.#up(from, event, intercepted, token));
      },
      close: () => this.#close(socket!),
    };
  }

  #close(socket: PhoneSocket): void {
    if (this.#sockets.at(-1) === socket) this.#paired = false;
    this.#sockets = this.#sockets.filter((one) => one !== socket);
  }

  #deliver(socket: PhoneSocket, event: string, payload: unknown): void {
    this.later("down", () => this.#sockets.includes(socket) && socket.listener(event, payload));
  }

  #down(event: string, payload: Payload): void {
    const socket = this.#sockets.at(-1);
    this.traffic.push(["down", event, payload]);
    const intercepted = this.intercept("down", event, payload);
    if (socket !== undefined && intercepted !== null) this.#deliver(socket, event, intercepted);
  }

  /** Send an event in clear, as a relay may. */
  sendFromRelay(event: string, payload: Payload): void {
    this.#down(event, payload);
  }

  /** Break every connection. */
  cut(reason = "transport close"): void {
    for (const socket of this.#sockets) socket.listener("disconnect", reason);
    this.#sockets = [];
    this.#paired = false;
  }

  // -- the relay

  #up(socket: PhoneSocket, event: string, payload: Payload, token: string | null): void {
    if (event === "register") return this.#register(socket, payload, token);
    if (event === "request_connection") return this.#pair(payload.targetDeviceId);
    if (event === "handshake:response") return this.#respond(payload.signature);
    if (event === "handshake:confirmed") return this.#confirm();
    if (this.#paired) this.agent.receiveFromRelay(event, payload);
  }

  #register(socket: PhoneSocket, payload: Payload, token: string | null): void {
    socket.deviceId = this.#phoneId = payload.deviceId;
    this.agent.phoneKey = payload.publicKey;
    const shown = payload.token ?? token;
    if (shown === null) return this.#down("login_required", { message: "", loginUrl: "/login" });
    if (!this.tokens.has(shown)) return this.#down("auth_error", { message: "the token is void" });
    this.#down("authenticated", { token: shown, user: { id: "1", email: "", name: "" } });
    this.listDevices();
  }

  listDevices(): void {
    this.#down("available_devices", this.agentIsThere ? [{ deviceId: this.agent.id, deviceName: "the machine", status: "available", tabCount: 0 }] : []);
  }

  #pair(target: string): void {
    if (!this.agentIsThere || target !== this.agent.id) return this.#down("error", { message: "that device is not connected now" });
    this.#confirmed = 0;
    this.#down("handshake:initiate", {
      peerId: this.agent.id,
      peerPublicKey: this.agent.identity.publicHex,
      challenge: this.#challenge,
      peerChallenge: this.peerChallenge,
      peerFeatures: this.peerFeatures,
    });
  }

  #respond(signature: string): void {
    const challenge = this.peerChallenge ?? "";
    const phone: Party = { role: "mobile", id: this.#phoneId, publicHex: this.agent.phoneKey, challenge: this.#challenge };
    const agent: Party = { role: "mac", id: this.agent.id, publicHex: this.agent.identity.publicHex, challenge };
    const [phones, agents] = this.peerFeatures.includes("bind") ? [boundText(phone, agent), boundText(agent, phone)] : [this.#challenge, challenge];
    const right = sign(this.agent.identity.shared(this.agent.phoneKey), phones);
    if (signature !== right) throw new Error("the phone's signature is wrong");
    this.#down("handshake:verify", { peerId: this.agent.id, signature: this.agent.sign(agents) });
  }

  #confirm(): void {
    this.#confirmed += 1;
    if (this.#confirmed > 1) return;
    this.#paired = true;
    this.agent.begin(this.#sockets.at(-1)?.deviceId ?? "");
    this.#down("paired", { peerId: this.agent.id, message: "" });
  }

  /** The agent disconnects, as on a restart. */
  agentDisconnects(): void {
    this.agentIsThere = this.#paired = false;
    for (const peer of this.peers) peer.lose();
    this.agent.channel = null;
    this.#down("paired_device_disconnected", { message: "gone" });
    this.listDevices();
  }

  agentConnects(): void {
    this.agentIsThere = true;
    this.listDevices();
  }

  async #fetch(path: string, { method, body }: RequestInit): Promise<Response> {
    if (!this.relayIsUp) throw new TypeError("failed to fetch");
    const asked = typeof body === "string" ? JSON.parse(body) : {};
    if (path === "/api/settings") {
      if (method === "PUT") this.saved.push(asked);
      if (method === "PUT") this.settings = { ...this.settings, ...asked };
      return Response.json(this.settings);
    }
    if (path !== "/api/sign-in" || !this.codes.delete(asked.code)) return Response.json({ message: this.refusal }, { status: 403 });
    const token = `token-${this.tokens.size + 1}`;
    this.tokens.add(token);
    return Response.json({ token, user: {} });
  }

  /** Create an invitation link, as the machine shows it. */
  newLink(): string {
    const secret = this.#randomBytes(16);
    const code = `CODE${this.codes.size}${this.tokens.size}`;
    this.codes.add(code);
    this.agent.link(secret);
    const parts = [secret, this.agent.key.public, unhex(this.agent.id.replaceAll("-", ""))].map(base64url);
    return `http://relay.test/#1.${code}.${parts.join(".")}`;
  }

  // -- the channel

  /** Open the channel between the phone and the agent. */
  async openChannel(): Promise<void> {
    const peer = this.peers.at(-1)!;
    peer.open();
    this.agent.reached({ send: (message) => this.later("channel down", () => peer.receive(message)) });
    await this.settle();
  }

  /** End the channel; the agent notices. */
  async loseChannel(): Promise<void> {
    this.peers.at(-1)!.lose();
    this.agent.reached(null);
    await this.settle();
  }
}

/** A session, with a record of what its views would have seen. */
export class ObservedSession {
  readonly session: Session;
  readonly stages: string[] = [];
  readonly problems: string[] = [];
  readonly troubles: string[] = [];
  readonly ended: string[] = [];
  readonly outputs: TerminalOutput[] = [];
  readonly assistant: unknown[] = [];
  /** The text that each terminal shows. */
  readonly shown = new Map<string, string>();
  /** Whether output is rendered as soon as it arrives. */
  renders = true;

  constructor(bed: TestBed) {
    this.session = createSession(bed.environment());
    this.session.on("connection", (connection) => this.#connection(connection));
    this.session.on("output", (output) => this.#output(output));
    this.session.on("ended", (uuid) => this.ended.push(uuid));
    this.session.on("trouble", (message) => this.troubles.push(message));
    this.session.on("assistant", (event) => this.assistant.push(event));
  }

  #connection({ stage, problem }: Connection): void {
    if (this.stages.at(-1) !== stage) this.stages.push(stage);
    if (problem !== null && this.problems.at(-1) !== problem) this.problems.push(problem);
  }

  #output(output: TerminalOutput): void {
    this.outputs.push(output);
    this.shown.set(output.uuid, (output.reset ? "" : (this.shown.get(output.uuid) ?? "")) + output.data);
    if (this.renders) output.rendered();
  }

  get stage(): string {
    return this.session.connection.stage;
  }

  tab(uuid: string): Tab | undefined {
    return this.session.tabs.find((tab) => tab.uuid === uuid);
  }
}
