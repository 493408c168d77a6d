import { describe, expect, test } from "vitest";

import { hex, text, unhex, utf8 } from "../../src/platform/bytes";
import { Initiator, keyPair } from "../../src/e2e/noise";
import { linkKey, NO_LINK } from "../../src/e2e/session_cipher";
import { Responder } from "../support/noise_responder";
import vectors from "./vectors.json";

type Vector = (typeof vectors.handshakes)[number];

const phone = keyPair(unhex(vectors.phone.secret));
const agent = keyPair(unhex(vectors.agent.secret));

function initiator(vector: Vector, theirs = agent.public, psk = unhex(vector.psk), prologue = unhex(vector.prologue)): Initiator {
  return new Initiator(phone, theirs, psk, prologue, keyPair(unhex(vector.phoneEphemeral)));
}

function welcomed(vector: Vector, message = unhex(vector.welcome)) {
  const begun = initiator(vector);
  begun.hello(unhex(vector.phonePayload));
  return begun.welcome(message);
}

/** The bytes with one bit of one of them changed. */
const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

function orNull<T>(call: () => T): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}

const SLOW_MS = 60_000; // hundreds of handshakes, on a machine that has other things to do

const places = (bytes: Uint8Array): number[] => Array.from(bytes, (_, index) => index);

test("public keys are those of the agent's library", () => {
  expect(hex(phone.public)).toBe(vectors.phone.public);
  expect(hex(agent.public)).toBe(vectors.agent.public);
});

test("the pre-shared keys are those of the agent", () => {
  expect(vectors.handshakes.map(({ psk }) => psk)).toEqual([hex(linkKey(unhex(vectors.linkSecret))), hex(NO_LINK)]);
});

test("the prologue names both", () => {
  expect(text(unhex(vectors.handshakes[0]!.prologue))).toBe(`MobiFai e2e 1\n${vectors.agentId}\n${vectors.phoneId}`);
});

describe.each(vectors.handshakes)("a handshake $name", (vector) => {
  test("says the same first message", () => {
    expect(hex(initiator(vector).hello(unhex(vector.phonePayload)))).toBe(vector.hello);
  });

  test("reads the answer, and seals and opens what follows", () => {
    const { payload, sending, receiving } = welcomed(vector);
    expect(hex(payload)).toBe(vector.agentPayload);
    expect(vector.said.map((said) => hex(sending.encrypt(unhex(said))))).toEqual(vector.byPhone);
    expect(vector.byAgent.map((sealed) => hex(receiving.decrypt(unhex(sealed))))).toEqual(vector.said);
  });

  test("refuses an answer that is changed anywhere, cut, or longer", () => {
    const welcome = unhex(vector.welcome);
    for (const at of places(welcome)) expect(() => welcomed(vector, changed(welcome, at)), `byte ${at}`).toThrow();
    for (const length of [0, 1, 31, 32, 33, 47, 48, 49, welcome.length - 1]) expect(() => welcomed(vector, welcome.slice(0, length))).toThrow();
    expect(() => welcomed(vector, Uint8Array.of(...welcome, 0))).toThrow();
  }, SLOW_MS);

  test("says nothing that a machine takes once it is changed anywhere", () => {
    const hello = unhex(vector.hello);
    const takes = (message: Uint8Array) => new Responder(agent.secret, unhex(vector.prologue), message).tryPsk(unhex(vector.psk));
    expect(takes(hello)).not.toBeNull();
    for (const at of places(hello)) expect(orNull(() => takes(changed(hello, at))), `byte ${at}`).toBeNull();
  }, SLOW_MS);

  test("refuses sealed messages that are changed anywhere, repeated, left out, or sent back", () => {
    const [first, second] = vector.byAgent.map(unhex) as [Uint8Array, Uint8Array];
    const { receiving } = welcomed(vector);
    for (const at of places(first)) expect(() => receiving.decrypt(changed(first, at))).toThrow();
    expect(() => receiving.decrypt(second), "left out").toThrow();
    expect(() => receiving.decrypt(unhex(vector.byPhone[0]!)), "its own").toThrow();
    expect(() => receiving.decrypt(new Uint8Array(0))).toThrow();
    receiving.decrypt(first); // what was refused did not count
    expect(() => receiving.decrypt(first), "repeated").toThrow();
  });

  test("with another machine, key or name leads nowhere", () => {
    const other = keyPair(new Uint8Array(32).fill(9));
    const others = [
      initiator(vector, other.public),
      initiator(vector, agent.public, new Uint8Array(32).fill(9)),
      initiator(vector, agent.public, unhex(vector.psk), utf8("another")),
    ];
    for (const one of others) {
      expect(hex(one.hello(unhex(vector.phonePayload)))).not.toBe(vector.hello);
      expect(() => one.welcome(unhex(vector.welcome))).toThrow();
    }
  });
});

test("the tests' own machine says what the agent says", () => {
  for (const vector of vectors.handshakes) {
    const responder = new Responder(agent.secret, unhex(vector.prologue), unhex(vector.hello));
    expect(hex(responder.initiator)).toBe(vectors.phone.public);
    expect(hex(responder.tryPsk(unhex(vector.psk))!)).toBe(vector.phonePayload);
    expect(hex(responder.welcome(unhex(vector.agentPayload), unhex(vector.agentEphemeral)).message)).toBe(vector.welcome);
  }
});

test("a key that gives everybody the same secret is refused", () => {
  const vector = vectors.handshakes[0]!;
  expect(() => initiator(vector, new Uint8Array(32)).hello(new Uint8Array(0))).toThrow();
  expect(() => welcomed(vector, Uint8Array.of(...new Uint8Array(32), ...unhex(vector.welcome).slice(32)))).toThrow();
});
