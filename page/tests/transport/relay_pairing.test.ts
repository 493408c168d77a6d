/** Pairing with a machine through the relay, as dialogues: what the relay sends, and what the page does about it. */

import { describe, expect, test } from "vitest";

import { keyPair } from "../../src/e2e/noise";
import { linkKey } from "../../src/e2e/session_cipher";
import { base64, text, unbase64, utf8 } from "../../src/platform/bytes";
import { boundText, Identity, sign } from "../../src/transport/identity";
import { type PairingCommand, type PairingEvents, type PairingStage, RelayPairing, TRANSITIONS } from "../../src/transport/relay_pairing";
import { Dialogue } from "../support/dialogue";
import { Responder } from "../support/noise_responder";

const MACHINE = "00112233-4455-6677-8899-aabbccddeeff";
const PHONE = "11112222-3333-4444-5555-666677778888";
const SECRET = new Uint8Array(16).fill(9);
const agentKey = keyPair(new Uint8Array(32).fill(1));
const agentIdentity = new Identity(new Uint8Array(32).fill(5));
const phoneIdentity = new Identity(new Uint8Array(32).fill(7));
const [OURS, THEIRS] = ["cd".repeat(32), "ab".repeat(32)];

const STAGES: readonly PairingStage[] = ["connecting", "signing-in", "waiting", "proving", "greeting", "ready", "ended"];
const EVENTS = Object.keys(TRANSITIONS) as (keyof PairingEvents)[];

function words(command: PairingCommand): string {
  switch (command.type) {
    case "emit":
      return `emit ${command.event}`;
    case "progress":
      return command.problem === null ? `progress ${command.stage}` : `progress ${command.stage}: ${command.problem}`;
    case "keep-token":
      return `keep ${command.token}`;
    case "secured":
      return `secured with ${command.peer.name}`;
    case "receive":
      return `receive ${command.frame.type}`;
    case "end":
      return `end${command.ending.final ? " for good" : ""}: ${command.ending.problem}`;
    default:
      return command.type;
  }
}

/** A pairing, and the machine on the other side of the relay. */
class Scene extends Dialogue<PairingCommand> {
  responder: Responder | null = null;
  sending: { seal(plain: Uint8Array): Uint8Array } | null = null;
  #emitted: Record<string, any> = {};

  constructor(readonly pairing = newPairing()) {
    super(pairing, words);
    const receive = pairing.receive.bind(pairing);
    pairing.receive = (event, payload) => {
      const commands = receive(event, payload);
      for (const command of commands) if (command.type === "emit") this.#emitted[command.event] = command.payload;
      return commands;
    };
  }

  emitted(event: string): any {
    return this.#emitted[event];
  }

  initiate(changes: object = {}): this {
    const message = { peerId: MACHINE, peerPublicKey: agentIdentity.publicHex, challenge: OURS, peerChallenge: THEIRS, peerFeatures: ["e2e", "bind"] };
    return this.in("handshake:initiate", { ...message, ...changes });
  }

  /** The machine's signature. */
  verify(): this {
    const phone = { role: "mobile", id: PHONE, publicHex: phoneIdentity.publicHex, challenge: OURS } as const;
    const agent = { role: "mac", id: MACHINE, publicHex: agentIdentity.publicHex, challenge: THEIRS } as const;
    return this.in("handshake:verify", { peerId: MACHINE, signature: sign(agentIdentity.shared(phoneIdentity.publicHex), boundText(agent, phone)) });
  }

  paired(): this {
    return this.in("paired", { peerId: MACHINE });
  }

  /** The machine's answer to the hello. */
  welcome(features: readonly string[] = ["e2e", "bind"]): this {
    const prologue = utf8(`MobiFai e2e 1\n${MACHINE}\n${PHONE}`);
    const responder = new Responder(agentKey.secret, prologue, unbase64(this.emitted("e2e:hello").message));
    expect(JSON.parse(text(responder.tryPsk(linkKey(SECRET))!))).toMatchObject({ name: "a phone" });
    const { message, sends } = responder.welcome(utf8(JSON.stringify({ name: "workshop", features })), new Uint8Array(32).fill(3));
    this.sending = sends;
    return this.in("e2e:welcome", { message: base64(message) });
  }

  encrypted(type: string): this {
    return this.in("e2e:sealed", { data: base64(this.sending!.seal(utf8(JSON.stringify({ type, payload: {} })))) });
  }
}

function newPairing(): RelayPairing {
  return new RelayPairing({
    machine: { id: MACHINE, key: agentKey.public, device: { id: PHONE, relaySecret: new Uint8Array(32).fill(7), secret: new Uint8Array(32).fill(8) } },
    credentials: { token: "token", secret: SECRET },
    deviceName: "a phone",
    randomBytes: (length) => new Uint8Array(length).fill(6),
  });
}

const available = [{ deviceId: MACHINE, deviceName: "", status: "available", tabCount: 0 }];

/** What leads to each stage, from the one before. */
const STEPS: Readonly<Record<PairingStage, (scene: Scene) => Scene>> = {
  connecting: (scene) => scene,
  "signing-in": (scene) => scene.in("connect"),
  waiting: (scene) => scene.in("authenticated", { token: "renewed" }),
  proving: (scene) => scene.in("available_devices", available).initiate(),
  greeting: (scene) => scene.verify().paired(),
  ready: (scene) => scene.welcome(),
  ended: (scene) => scene.in("disconnect", "transport close"),
};

function at(stage: PairingStage): Scene {
  const scene = new Scene();
  for (const one of STAGES.slice(0, STAGES.indexOf(stage) + 1)) STEPS[one](scene);
  return scene.stage(stage);
}

const TAMPERED = "end: The relay changed, repeated or left out a message, so the connection was ended.";

describe("a pairing", () => {
  test("leads from a connection to an encrypted session", () => {
    new Scene()
      .in("connect").out("progress signing-in", "emit register")
      .in("authenticated", { token: "renewed" }).out("keep renewed", "progress waiting")
      .in("available_devices", []).out()
      .in("available_devices", available).out("emit request_connection")
      .initiate().out("progress proving", "emit handshake:response")
      .verify().out("emit handshake:confirmed")
      .paired().out("emit e2e:hello")
      .welcome().out("emit e2e:sealed", "progress ready", "secured with workshop")
      .encrypted("processes:sync").out("proven", "receive processes:sync")
      .encrypted("terminal:output").out("receive terminal:output");
  });

  test("asks for the machine once, and again after it was refused or has left", () => {
    at("waiting")
      .in("available_devices", available).out("emit request_connection")
      .in("available_devices", available).out()
      .in("error", { message: "busy" }).out("progress waiting: The relay says: “busy”", "retry-later")
      .in("retry").out("emit request_connection")
      .in("retry").out("emit request_connection")
      .in("paired_device_disconnected").out("progress waiting")
      .in("available_devices", available).out("emit request_connection");
  });

  test("asks for a machine that was listed before the sign-in was done", () => {
    at("signing-in")
      .in("available_devices", available).out()
      .in("authenticated", { token: "t" }).out("keep t", "progress waiting", "emit request_connection");
  });

  test("begins again with a new handshake, and drops the session before", () => {
    const scene = at("ready").initiate().out("progress proving", "emit handshake:response").stage("proving");
    expect(scene.pairing.cipher).toBeNull();
    scene.verify().paired().welcome().stage("ready").encrypted("process:created").out("proven", "receive process:created");
  });

  test("takes one announcement of a pairing", () => at("proving").paired().out("emit e2e:hello").paired().out().stage("greeting"));
});

describe("a pairing ends", () => {
  test.each(STAGES.slice(0, -1))("when the relay goes away in the stage %s", (stage) => {
    at(stage).in("disconnect", "transport close").out("end: The connection to the relay was lost.").stage("ended");
  });

  test("when another page of this browser takes over", () => {
    const [command] = at("ready").pairing.receive("disconnect", "io server disconnect");
    expect(command).toMatchObject({ type: "end", ending: { replaced: true, final: false } });
  });

  test.each([["connecting", "The relay can't be reached."], ["signing-in", "The relay does not answer."], ["proving", "The machine does not answer."], ["greeting", "The machine does not answer."]] as const)(
    "when nothing comes in the stage %s", (stage, problem) => void at(stage).in("timeout").out(`end: ${problem}`),
  );

  test.each(["waiting", "ready"] as const)("at no time in the stage %s", (stage) => void at(stage).in("timeout").out().stage(stage));

  test("when the relay gives out what is not a token", () => void at("signing-in").in("authenticated", { token: 7 }).out(TAMPERED));

  test.each([
    ["another machine", { peerId: PHONE }],
    ["an invalid key", { peerPublicKey: "04" }],
    ["this page's own key", { peerPublicKey: phoneIdentity.publicHex.toUpperCase() }],
    ["one challenge for both", { peerChallenge: OURS.toUpperCase() }],
  ])("when the relay starts a handshake with %s", (_, changes) => void at("waiting").initiate(changes).out(TAMPERED));

  test.each([["no challenge for the machine", { peerChallenge: undefined }], ["no encryption", { peerFeatures: ["ack"] }]])("for good when there is %s", (_, changes) => {
    at("waiting").initiate(changes).out("end for good: This relay or this machine has no end-to-end encryption, which this page requires. Update MobiFai on both.");
  });

  test("when the machine's signature is wrong, and says so to the relay", () => {
    at("proving").in("handshake:verify", { peerId: MACHINE, signature: "00" }).out("emit error", TAMPERED);
  });

  test("when the machine's answer was changed", () => void at("greeting").in("e2e:welcome", { message: base64(new Uint8Array(96)) }).out(TAMPERED));

  test("when the relay hid that the machine's signature names both sides", () => {
    const scene = at("waiting").initiate({ peerFeatures: ["e2e"] });
    scene.paired().welcome(["e2e", "bind"]).out(TAMPERED);
  });

  test("when an encrypted message was changed, and delivers nothing of it", () => {
    at("ready").in("e2e:sealed", { data: base64(new Uint8Array(40)) }).out(TAMPERED);
  });

  test("when the agent refuses this browser", () => {
    const [command] = at("greeting").pairing.receive("e2e:refused", { reason: "link-used", message: "used" });
    expect(command).toMatchObject({ type: "end", ending: { linkUsed: true, final: false } });
    at("ready").encrypted("processes:sync").in("e2e:refused", { reason: "revoked", message: "" }).stage("ended");
  });

  test("once: nothing counts afterwards", () => {
    const scene = at("ended");
    for (const event of EVENTS) scene.in(event, {}).out();
    expect(scene.pairing.end({ problem: null, final: false })).toEqual([]);
  });
});

describe("the table of transitions", () => {
  test("has the stages that these tests reach", () => {
    const named = EVENTS.flatMap((event) => Object.entries(TRANSITIONS[event]).flatMap(([from, to]) => [from, ...to]));
    expect(new Set(named)).toEqual(new Set(STAGES));
  });

  const pairs = EVENTS.flatMap((event) => STAGES.map((stage) => [event, stage] as const));

  test.each(pairs.filter(([event, stage]) => TRANSITIONS[event][stage] === undefined))("ignores %s in the stage %s", (event, stage) => {
    at(stage).in(event, {}).out().stage(stage);
  });

  test.each(pairs.filter(([event, stage]) => TRANSITIONS[event][stage] !== undefined))("says where %s leads in the stage %s", (event, stage) => {
    for (const payload of [null, "x", { peerId: MACHINE, message: "x", data: "x", reason: "unknown", token: "t" }]) {
      const scene = at(stage).in(event, payload);
      expect([...TRANSITIONS[event][stage]!, "ended"]).toContain(scene.pairing.stage);
    }
  });
});

test.each(["toString", "__proto__", "hasOwnProperty", "unheard:of"])("an event named %s is ignored", (event) => void at("ready").in(event, {}).out().stage("ready"));
