/**
 * Pairing with one machine through the relay, from registration to an encrypted session, as a state machine without I/O.
 *
 * Events come in: those of the socket, of the relay, and timers. Commands go out, for `RelaySession` to carry out.
 * `TRANSITIONS` lists the events that are accepted in each stage. A pairing ends once and does not start again.
 */

import { keyPair } from "../e2e/noise";
import { Handshake, linkKey, NO_LINK, type SessionCipher } from "../e2e/session_cipher";
import type { Frame } from "../protocol/frame";
import type { AvailableDevice, E2eRefused, FromRelay, HandshakeInitiate, HandshakeSignature, Introduction, ToRelay } from "../protocol/messages";
import { relayWords } from "../protocol/untrusted_text";
import { boundText, Identity, type Party, sign, verifies } from "./identity";
import type { Credentials, MachineIdentity } from "./machine_identity";
import { type Ending, LOST, MACHINE_SILENT, notLetIn, notKnown, RELAY_SILENT, refusal, REPLACED, TAMPERED, UNPROTECTED, UNREACHABLE } from "./pairing_endings";
import { readToken } from "./relay_http";

/** The features of this page. */
export const FEATURES = ["ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind", "assistant"] as const;

export type PairingStage =
  | "connecting" // no connection to the relay yet
  | "signing-in" // registered; the relay checks the token
  | "waiting" // signed in; the machine is not connected, or serves another phone
  | "proving" // each side proves to the relay and to the other side that it has its key
  | "greeting" // paired; the end-to-end handshake is under way
  | "ready" // messages are encrypted end to end
  | "ended";

/** Events that do not come from the relay: of the socket, and of timers. */
interface LocalEvents {
  readonly connect: null;
  readonly connect_error: string;
  /** The reason that Socket.IO gives. */
  readonly disconnect: string;
  /** The time limit of the stage is over. */
  readonly timeout: null;
  /** The pause after a refused request is over. */
  readonly retry: null;
}

export type PairingEvents = FromRelay & LocalEvents;

type Row = Readonly<Partial<Record<PairingStage, readonly PairingStage[]>>>;

const ENDS: Row = {
  connecting: ["ended"], "signing-in": ["ended"], waiting: ["ended"], proving: ["ended"], greeting: ["ended"], ready: ["ended"],
};
const STAYS: Row = {
  connecting: ["connecting"], "signing-in": ["signing-in"], waiting: ["waiting"], proving: ["proving"], greeting: ["greeting"], ready: ["ready"],
};

/**
 * The stages to which an event may lead, by the stage in which it arrives. In other stages it is ignored.
 *
 * Each event may also lead to "ended": a message that does not follow the protocol ends the pairing.
 */
export const TRANSITIONS: { readonly [Event in keyof PairingEvents]: Row } = {
  // the socket and timers
  connect: { connecting: ["signing-in"] },
  connect_error: ENDS,
  disconnect: ENDS,
  timeout: { connecting: ["ended"], "signing-in": ["ended"], proving: ["ended"], greeting: ["ended"] },
  retry: { waiting: ["waiting"] },
  // registration
  authenticated: { ...STAYS, "signing-in": ["waiting"] },
  login_required: ENDS,
  auth_error: ENDS,
  available_devices: STAYS,
  error: { waiting: ["waiting"], proving: ["ended"], greeting: ["ended"] },
  // pairing; a new handshake replaces the previous one and its session
  "handshake:initiate": { "signing-in": ["proving"], waiting: ["proving"], proving: ["proving"], greeting: ["proving"], ready: ["proving"] },
  "handshake:verify": { proving: ["proving"], greeting: ["greeting"], ready: ["ready"] },
  paired: { proving: ["greeting", "proving"] }, // a pairing with another machine changes nothing
  paired_device_disconnected: { waiting: ["waiting"], proving: ["waiting"], greeting: ["waiting"], ready: ["waiting"] },
  // the encrypted session
  "e2e:welcome": { greeting: ["ready"] },
  "e2e:sealed": { ready: ["ready"] },
  "e2e:refused": ENDS,
  // the account
  "settings:updated": STAYS,
};

type Emit = { readonly [Event in keyof ToRelay]: { readonly type: "emit"; readonly event: Event; readonly payload: ToRelay[Event] } }[keyof ToRelay];

export type PairingCommand =
  | Emit
  /** Another stage began, or (in "waiting") a request was refused. */
  | { readonly type: "progress"; readonly stage: PairingStage; readonly problem: string | null }
  /** Store this token, with which the relay accepts this browser. */
  | { readonly type: "keep-token"; readonly token: string }
  /** Send the event `retry` after a pause. */
  | { readonly type: "retry-later" }
  | { readonly type: "secured"; readonly peer: Introduction }
  /** The first encrypted message arrived: it proves the machine, which has pinned this browser's key. */
  | { readonly type: "proven" }
  | { readonly type: "receive"; readonly frame: Frame }
  | { readonly type: "settings"; readonly settings: unknown }
  /** Close the socket. The last command. */
  | { readonly type: "end"; readonly ending: Ending };

/** The data for the proof of both keys. */
interface Proof {
  readonly shared: Uint8Array;
  /** The text that the machine signs. */
  readonly theirs: string;
  /** Whether both signed texts name both sides. */
  readonly binds: boolean;
}

/** The data of a stage beyond its name. */
type State =
  | { readonly stage: "connecting" | "signing-in" | "waiting" | "ended" }
  | { readonly stage: "proving"; readonly proof: Proof }
  | { readonly stage: "greeting"; readonly proof: Proof; readonly handshake: Handshake }
  | { readonly stage: "ready"; readonly proof: Proof; readonly cipher: SessionCipher };

export interface PairingOptions {
  readonly machine: MachineIdentity;
  readonly credentials: Credentials;
  readonly deviceName: string;
  randomBytes(length: number): Uint8Array;
}

export class RelayPairing {
  readonly #options: PairingOptions;
  readonly #identity: Identity;
  #state: State = { stage: "connecting" };
  /** The machine is connected to the relay. */
  #isAvailable = false;
  /** A pairing was requested, and the relay has not refused the request. */
  #isRequested = false;
  /** The invitation link's secret, until the machine has pinned this browser's key. */
  #secret: Uint8Array | null;
  #isProven = false;

  constructor(options: PairingOptions) {
    this.#options = options;
    this.#identity = new Identity(options.machine.device.relaySecret);
    this.#secret = options.credentials.secret;
  }

  get stage(): PairingStage {
    return this.#state.stage;
  }

  /** The cipher of the session; null when there is none. */
  get cipher(): SessionCipher | null {
    return this.#state.stage === "ready" ? this.#state.cipher : null;
  }

  /** Process an event. A payload that violates the protocol ends the pairing. */
  receive(event: string, payload: unknown): readonly PairingCommand[] {
    if (!isPairingEvent(event)) return []; // of a newer relay
    const next = TRANSITIONS[event][this.stage];
    if (next === undefined) return [];
    let commands: readonly PairingCommand[];
    try {
      commands = (this.#handlers[event] as (payload: unknown) => readonly PairingCommand[])(payload ?? {});
    } catch {
      return this.end(TAMPERED);
    }
    if (this.stage !== "ended" && !next.includes(this.stage)) throw new Error(`${event}: expected to lead to ${next.join(" or ")}; found ${this.stage}`);
    return commands;
  }

  end(ending: Ending): readonly PairingCommand[] {
    if (this.stage === "ended") return [];
    this.#state = { stage: "ended" };
    return [{ type: "end", ending }];
  }

  readonly #handlers: { readonly [Event in keyof PairingEvents]: (payload: PairingEvents[Event] & {}) => readonly PairingCommand[] } = {
    connect: () => [...this.#enter({ stage: "signing-in" }), this.#register()],
    connect_error: () => this.end(UNREACHABLE),
    disconnect: (reason) => this.end(reason === SERVER_DISCONNECT ? REPLACED : LOST),
    timeout: () => this.end(this.stage === "connecting" ? UNREACHABLE : this.stage === "signing-in" ? RELAY_SILENT : MACHINE_SILENT),
    retry: () => {
      this.#isRequested = false;
      return this.#request();
    },
    authenticated: ({ token }) => this.#authenticated(token),
    login_required: () => this.end(notKnown()),
    auth_error: ({ message }) => this.end(notLetIn(message)),
    available_devices: (devices) => this.#listed(devices),
    error: ({ message }) => this.#failed(relayWords(message)),
    "handshake:initiate": (message) => this.#prove(message),
    "handshake:verify": (message) => this.#verify(message),
    paired: ({ peerId }) => this.#greet(peerId),
    paired_device_disconnected: () => {
      this.#isRequested = false;
      return this.#enter({ stage: "waiting" });
    },
    "e2e:welcome": ({ message }) => this.#welcomed(String(message)),
    "e2e:sealed": ({ data }) => this.#decrypt(String(data)),
    "e2e:refused": (message) => this.#refused(message),
    "settings:updated": (settings) => [{ type: "settings", settings }],
  };

  #enter(state: State, problem: string | null = null): readonly PairingCommand[] {
    this.#state = state;
    return [{ type: "progress", stage: state.stage, problem }];
  }

  // -- registration

  #register(): PairingCommand {
    const { machine, credentials, deviceName } = this.#options;
    const { token } = credentials;
    const payload: ToRelay["register"] = {
      type: "mobile",
      deviceId: machine.device.id,
      deviceName,
      publicKey: this.#identity.publicHex,
      features: FEATURES,
      ...(token === null ? {} : { token }),
    };
    return { type: "emit", event: "register", payload };
  }

  #authenticated(found: unknown): readonly PairingCommand[] {
    const token = readToken(found);
    if (token === null) throw new Error("expected a token");
    const keep: PairingCommand = { type: "keep-token", token };
    return this.stage === "signing-in" ? [keep, ...this.#enter({ stage: "waiting" }), ...this.#request()] : [keep];
  }

  #listed(devices: readonly AvailableDevice[]): readonly PairingCommand[] {
    this.#isAvailable = Array.isArray(devices) && devices.some((device) => device?.deviceId === this.#options.machine.id);
    return this.#request();
  }

  /** Request a pairing, unless this was done since the machine connected. */
  #request(): readonly PairingCommand[] {
    if (this.stage !== "waiting" || !this.#isAvailable || this.#isRequested) return [];
    this.#isRequested = true;
    return [{ type: "emit", event: "request_connection", payload: { targetDeviceId: this.#options.machine.id } }];
  }

  /** Handle an error that the relay reports: it ends a handshake, or refuses a request. */
  #failed(problem: string): readonly PairingCommand[] {
    if (this.stage !== "waiting") return this.end({ problem, final: false });
    return [...this.#enter({ stage: "waiting" }, problem), { type: "retry-later" }];
  }

  // -- the handshake with the relay's help

  #prove({ peerId, peerPublicKey, challenge, peerChallenge, peerFeatures }: HandshakeInitiate): readonly PairingCommand[] {
    const { machine } = this.#options;
    if (peerId !== machine.id) return this.end(TAMPERED);
    if (typeof peerChallenge !== "string" || !Array.isArray(peerFeatures) || !peerFeatures.includes("e2e")) return this.end(UNPROTECTED);
    const own: Party = { role: "mobile", id: machine.device.id, publicHex: this.#identity.publicHex, challenge: String(challenge) };
    const theirs: Party = { role: "mac", id: machine.id, publicHex: String(peerPublicKey), challenge: peerChallenge };
    const shared = this.#identity.shared(theirs.publicHex);
    if (isReflected(own, theirs)) return this.end(TAMPERED);
    const binds = peerFeatures.includes("bind");
    const proof = { shared, binds, theirs: binds ? boundText(theirs, own) : peerChallenge };
    const signature = sign(shared, binds ? boundText(own, theirs) : own.challenge);
    return [...this.#enter({ stage: "proving", proof }), { type: "emit", event: "handshake:response", payload: { peerId, signature } }];
  }

  #verify({ peerId, signature }: HandshakeSignature): readonly PairingCommand[] {
    const { proof } = this.#state as Extract<State, { proof: Proof }>;
    if (verifies(proof.shared, proof.theirs, String(signature))) return [{ type: "emit", event: "handshake:confirmed", payload: { peerId } }];
    const message = "the machine's signature does not match its key";
    return [{ type: "emit", event: "error", payload: { message } }, ...this.end(TAMPERED)];
  }

  // -- the end-to-end handshake

  #greet(peerId: unknown): readonly PairingCommand[] {
    const { machine, deviceName, randomBytes } = this.#options;
    const state = this.#state;
    if (state.stage !== "proving" || peerId !== machine.id) return [];
    const psk = this.#secret === null ? NO_LINK : linkKey(this.#secret);
    const parties = { own: keyPair(machine.device.secret), theirs: machine.key, psk, machine: machine.id, phone: machine.device.id };
    const handshake = new Handshake(parties, randomBytes);
    this.#state = { stage: "greeting", proof: state.proof, handshake };
    return [{ type: "emit", event: "e2e:hello", payload: { message: handshake.hello({ name: deviceName, features: FEATURES }) } }];
  }

  #welcomed(message: string): readonly PairingCommand[] {
    const { proof, handshake } = this.#state as Extract<State, { stage: "greeting" }>;
    const cipher = handshake.welcome(message);
    if (cipher.peer.features.includes("bind") && !proof.binds) throw new Error("expected the relay to pass on the machine's feature bind");
    const ready: PairingCommand = { type: "emit", event: "e2e:sealed", payload: { data: cipher.encrypt("e2e:ready", {}) } };
    return [ready, ...this.#enter({ stage: "ready", proof, cipher }), { type: "secured", peer: cipher.peer }];
  }

  #decrypt(data: string): readonly PairingCommand[] {
    const { cipher } = this.#state as Extract<State, { stage: "ready" }>;
    const frame = cipher.decrypt(data);
    const first: readonly PairingCommand[] = this.#isProven ? [] : [{ type: "proven" }];
    this.#isProven = true;
    this.#secret = null;
    return [...first, { type: "receive", frame }];
  }

  /** End the pairing, since the agent refuses this browser. The message is not encrypted, so nothing stored is changed. */
  #refused({ reason, message }: E2eRefused): readonly PairingCommand[] {
    return this.end(refusal(String(reason), message, this.#secret !== null));
  }
}

/** Socket.IO's reason when the relay closes a connection, here for a later one of the same device. */
const SERVER_DISCONNECT = "io server disconnect";

const isPairingEvent = (event: string): event is keyof PairingEvents => Object.prototype.hasOwnProperty.call(TRANSITIONS, event);

/** Whether the relay gave both sides the same key or challenge, so that the relay could reflect a side's own signature. */
const isReflected = (own: Party, theirs: Party): boolean =>
  own.publicHex === theirs.publicHex.toLowerCase() || own.challenge.toLowerCase() === theirs.challenge.toLowerCase();
