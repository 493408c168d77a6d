/**
 * One connection to the relay, from signing in to a sealed session with the machine's agent.
 *
 * It says how far it is and hands on what the agent says. It ends once, with the reason; it never connects again by itself.
 */

import { keyPair } from "../e2e/noise";
import { Handshake, linkKey, NO_LINK, type Frame, type Introduction, type SessionCipher } from "../e2e/session_cipher";
import type { Environment, RelaySocket } from "../platform/environment";
import { readToken } from "./relay_http";
import { handlerTable } from "./handlers";
import type { Credentials, MachineIdentity } from "./machine_identity";
import { boundText, Identity, sign, verifies, type Party } from "./identity";
import { relayWords } from "../protocol/untrusted_text";

/** What this page can do. */
export const FEATURES = ["ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind", "assistant"] as const;

export type Progress = "offline" | "signing-in" | "waiting" | "securing" | "ready";

/** How a relay session ends. */
export interface Ending {
  readonly problem: string | null;
  /** Trying again leads nowhere; somebody has to do something. */
  readonly final: boolean;
  /** Another page of this browser has taken this one's place; they must not take turns. */
  readonly replaced?: boolean;
  /** The link's secret is said to be used: the machine may know this browser's key already. */
  readonly linkUsed?: boolean;
}

export interface RelaySessionListener {
  progress(progress: Progress, problem: string | null): void;
  /** The relay has let this browser in, with this token from now on. */
  signedIn(token: string): void;
  secured(peer: Introduction): void;
  /** Something sealed of the machine has come: it is the machine, and it knows this browser. */
  spoke(): void;
  said(frame: Frame): void;
  settings(settings: unknown): void;
  ended(ending: Ending): void;
}

/** How long the relay and the machine have for each step; longer than they give each other. */
const PATIENCE_MS = 20_000;

/** What can take so long as it takes. */
const LASTING: readonly Progress[] = ["waiting", "ready"];

/** Why the relay closes a connection for one that came later from this device, in Socket.IO's words. */
const SERVER_DISCONNECT = "io server disconnect";

/** How long after a refused request the machine is asked for again. */
const REFUSED_MS = 2000;

const NEW_LINK = "Run `mobifai pair` on the machine and scan the new QR code.";
const TAMPERED = "The relay changed, repeated or left out a message; the connection was ended.";
const UNPROTECTED =
  "This relay or this machine offers no end-to-end encryption, which this page never does without. Update MobiFai there.";

/** By the reasons of `e2e:refused`, which comes in clear: the relay can have made it up. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["unknown", `The relay reports that the machine does not know this browser. A link lets one browser in, for 10 minutes. ${NEW_LINK}`],
  ["revoked", `The relay reports that this browser was shut out on the machine. ${NEW_LINK}`],
  ["required", UNPROTECTED],
]);

const REPLACED: Ending = {
  problem: "Another page of this browser has taken over. Come back to this one to use the machine here.",
  final: false,
  replaced: true,
};

type Payload = Record<string, unknown>;

export class RelaySession {
  readonly #socket: RelaySocket;
  readonly #identity: Identity;
  #progress: Progress = "offline";
  #shared: Uint8Array | null = null;
  /** Whether what is signed names both sides. */
  #binds = false;
  /** What the machine signs. */
  #theirText: string | null = null;
  #handshake: Handshake | null = null;
  #sealed: SessionCipher | null = null;
  /** Of the link, until the machine has spoken. */
  #secret: Uint8Array | null;
  #hasSpoken = false;
  #isThere = false;
  #requested = false;
  #cancelRequest: () => void = () => undefined;
  #cancelPatience: () => void = () => undefined;
  #ended = false;

  constructor(
    private readonly environment: Environment,
    private readonly machine: MachineIdentity,
    private readonly credentials: Credentials,
    private readonly listener: RelaySessionListener,
  ) {
    this.#identity = new Identity(machine.device.relaySecret);
    this.#secret = credentials.secret;
    this.#bePatient("The relay can't be reached.");
    this.#socket = environment.connect(credentials.token);
    this.#socket.listen((event, payload) => this.#hear(event, (payload ?? {}) as Payload));
  }

  get ready(): boolean {
    return this.#sealed !== null && !this.#ended;
  }

  /** Whether the messages of this session have one order over all paths. */
  get isOrdered(): boolean {
    return this.#sealed?.peer.features.includes("order") ?? false;
  }

  /** Say something to the agent, sealed, with its number in the session if it has one; false when it can't be. */
  send(type: string, payload: unknown, seq?: number): boolean {
    if (this.#sealed === null || this.#ended) return false;
    this.#socket.emit("e2e:sealed", { data: this.#sealed.encrypt(type, payload, seq) });
    return true;
  }

  close(): void {
    this.#end({ problem: null, final: false });
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sealed = null;
    this.#cancelRequest();
    this.#cancelPatience();
    this.#socket.close();
    this.listener.ended(ending);
  }

  #is(progress: Progress, problem: string | null = null): void {
    this.#progress = progress;
    this.#cancelPatience();
    if (!LASTING.includes(progress)) this.#bePatient(progress === "securing" ? "The machine does not answer." : "The relay does not answer.");
    if (!this.#ended) this.listener.progress(progress, problem);
  }

  /** End, unless it gets further in time. */
  #bePatient(problem: string): void {
    this.#cancelPatience = this.environment.after(PATIENCE_MS, () => this.#end({ problem, final: false }));
  }

  #hear(event: string, payload: Payload): void {
    if (this.#ended) return;
    try {
      this.#handlers.get(event)?.(payload);
    } catch {
      this.#end({ problem: TAMPERED, final: false });
    }
  }

  /** What is done for each event. What throws ends the session. */
  readonly #handlers: ReadonlyMap<string, (payload: Payload) => void> = handlerTable({
    connect: () => this.#register(),
    connect_error: () => this.#end({ problem: "The relay can't be reached.", final: false }),
    disconnect: (reason: unknown) => this.#end(reason === SERVER_DISCONNECT ? REPLACED : { problem: "The connection to the relay was lost.", final: false }),
    authenticated: ({ token }) => {
      const given = readToken(token);
      if (given === null) throw new Error("expected a token");
      this.listener.signedIn(given);
      this.#is("waiting");
    },
    login_required: () => this.#end({ problem: `The relay does not know this browser. ${NEW_LINK}`, final: true }),
    auth_error: ({ message }) => {
      this.#end({ problem: `The relay does not let this browser in. ${relayWords(message)} ${NEW_LINK}`, final: true });
    },
    available_devices: (devices) => {
      this.#isThere = Array.isArray(devices) && devices.some((device: Payload) => device["deviceId"] === this.machine.id);
      this.#request();
    },
    error: ({ message }) => {
      if (this.#progress === "securing") return this.#end({ problem: relayWords(message), final: false });
      if (this.#progress !== "waiting") return;
      this.#is("waiting", relayWords(message));
      this.#cancelRequest();
      this.#cancelRequest = this.environment.after(REFUSED_MS, () => {
        this.#requested = false;
        this.#request();
      });
    },
    "handshake:initiate": (payload) => this.#prove(payload),
    "handshake:verify": (payload) => this.#verify(payload),
    paired: ({ peerId }) => this.#greet(peerId),
    "e2e:welcome": ({ message }) => this.#secure(String(message)),
    "e2e:sealed": ({ data }) => this.#open(String(data)),
    "e2e:refused": ({ reason, message }) => this.#refused(String(reason), message),
    paired_device_disconnected: () => {
      this.#sealed = this.#handshake = this.#shared = null;
      this.#requested = false;
      this.#is("waiting");
    },
    "settings:updated": (settings) => this.listener.settings(settings),
  });

  #register(): void {
    this.#is("signing-in");
    const { token } = this.credentials;
    this.#socket.emit("register", {
      type: "mobile",
      deviceId: this.machine.device.id,
      deviceName: this.environment.deviceName,
      publicKey: this.#identity.publicHex,
      features: FEATURES,
      ...(token === null ? {} : { token }),
    });
  }

  #request(): void {
    if (!this.#isThere || this.#requested || this.#sealed !== null || this.#ended) return;
    this.#requested = true;
    this.#socket.emit("request_connection", { targetDeviceId: this.machine.id });
  }

  #prove({ peerId, peerPublicKey, challenge, peerChallenge, peerFeatures }: Payload): void {
    if (peerId !== this.machine.id) return this.#end({ problem: TAMPERED, final: false });
    if (typeof peerChallenge !== "string" || !Array.isArray(peerFeatures) || !peerFeatures.includes("e2e")) {
      return this.#end({ problem: UNPROTECTED, final: true });
    }
    this.#is("securing");
    this.#sealed = this.#handshake = null;
    this.#shared = this.#identity.shared(String(peerPublicKey));
    const own: Party = { role: "mobile", id: this.machine.device.id, publicHex: this.#identity.publicHex, challenge: String(challenge) };
    const theirs: Party = { role: "mac", id: this.machine.id, publicHex: String(peerPublicKey), challenge: peerChallenge };
    const isReflected = own.publicHex === theirs.publicHex.toLowerCase() || own.challenge.toLowerCase() === peerChallenge.toLowerCase();
    if (isReflected) return this.#end({ problem: TAMPERED, final: false });
    this.#binds = peerFeatures.includes("bind");
    this.#theirText = this.#binds ? boundText(theirs, own) : peerChallenge;
    this.#socket.emit("handshake:response", { peerId, signature: sign(this.#shared, this.#binds ? boundText(own, theirs) : own.challenge) });
  }

  #verify({ peerId, signature }: Payload): void {
    if (this.#shared === null || this.#theirText === null) return;
    if (!verifies(this.#shared, this.#theirText, String(signature))) {
      this.#socket.emit("error", { message: "the machine's signature does not match its key" });
      return this.#end({ problem: TAMPERED, final: false });
    }
    this.#socket.emit("handshake:confirmed", { peerId });
  }

  #greet(peerId: unknown): void {
    if (peerId !== this.machine.id || this.#shared === null || this.#handshake !== null) return; // said twice, perhaps
    const psk = this.#secret === null ? NO_LINK : linkKey(this.#secret);
    this.#handshake = new Handshake(
      {
        own: keyPair(this.machine.device.secret),
        theirs: this.machine.key,
        psk,
        machine: this.machine.id,
        phone: this.machine.device.id,
      },
      this.environment.randomBytes,
    );
    const introduction = { name: this.environment.deviceName, features: FEATURES };
    this.#socket.emit("e2e:hello", { message: this.#handshake.hello(introduction) });
  }

  #secure(message: string): void {
    if (this.#handshake === null || this.#sealed !== null) return;
    this.#sealed = this.#handshake.welcome(message);
    if (this.#sealed.peer.features.includes("bind") && !this.#binds) throw new Error("the relay hid that the machine signs for both sides");
    this.send("e2e:ready", {});
    this.#is("ready");
    this.listener.secured(this.#sealed.peer);
  }

  #open(data: string): void {
    if (this.#sealed === null) return;
    const said = this.#sealed.decrypt(data);
    if (!this.#hasSpoken) this.listener.spoke();
    this.#hasSpoken = true;
    this.#secret = null; // the machine has pinned this browser's key
    this.listener.said(said);
  }

  /** This comes in clear, so that it ends the session and changes nothing that is kept. */
  #refused(reason: string, message: unknown): void {
    if (reason === "link-used" && this.#secret !== null) {
      return this.#end({ problem: relayWords(message), final: false, linkUsed: true });
    }
    const known = REFUSALS.get(reason === "link-used" ? "unknown" : reason);
    this.#end({ problem: known ?? relayWords(message), final: known !== undefined });
  }
}
