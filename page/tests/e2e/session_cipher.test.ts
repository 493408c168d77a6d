import { describe, expect, test } from "vitest";

import { base64, unbase64, unbase64url, unhex, utf8 } from "../../src/platform/bytes";
import { base64url } from "../support/base64url";
import { keyPair } from "../../src/e2e/noise";
import { Handshake, linkKey, type SessionCipher } from "../../src/e2e/session_cipher";
import { Direction, Responder } from "../support/noise_responder";
import vectors from "./vectors.json";

const vector = vectors.handshakes[0]!;
const ephemeral = unhex(vector.phoneEphemeral);

function handshake(): Handshake {
  const theirs = unhex(vectors.agent.public);
  const psk = linkKey(unhex(vectors.linkSecret));
  const parties = { own: keyPair(unhex(vectors.phone.secret)), theirs, psk, machine: vectors.agentId, phone: vectors.phoneId };
  return new Handshake(parties, () => ephemeral);
}

const INTRODUCTION = { name: "a phone", features: ["ack", "e2e"] };

function session(): { cipher: SessionCipher; agent: { takes: Direction; sends: Direction } } {
  const phone = handshake();
  const hello = unbase64(phone.hello(INTRODUCTION));
  const responder = new Responder(unhex(vectors.agent.secret), unhex(vector.prologue), hello);
  expect(responder.tryPsk(unhex(vector.psk))).not.toBeNull();
  const { message, takes, sends } = responder.welcome(unhex(vector.agentPayload), unhex(vector.agentEphemeral));
  return { cipher: phone.welcome(base64(message)), agent: { takes, sends } };
}

describe("a sealed session", () => {
  test("begins with what the agent's own library says", () => {
    expect(handshake().hello(INTRODUCTION)).toBe(base64(unhex(vector.hello)));
  });

  test("knows what the machine says of itself", () => {
    expect(session().cipher.peer).toEqual({ name: "büro", features: ["resume"] });
  });

  test("carries messages both ways", () => {
    const { cipher, agent } = session();
    const said = agent.takes.open(unbase64(cipher.encrypt("terminal:input", { uuid: "u", data: "漢🙂\u0000" })));
    expect(JSON.parse(new TextDecoder().decode(said))).toEqual({ type: "terminal:input", payload: { uuid: "u", data: "漢🙂\u0000" } });
    expect(cipher.decrypt(base64(agent.sends.seal(utf8('{"type":"system:echo","payload":{"nonce":"1"}}'))))).toEqual({ type: "system:echo", payload: { nonce: "1" } });
  });

  test.each(["", "[]", "null", "7", '{"payload":1}', '{"type":7}', "{"])("refuses %j as a message", (said) => {
    const { cipher, agent } = session();
    expect(() => cipher.decrypt(base64(agent.sends.seal(utf8(said))))).toThrow();
  });

  test.each(["", "!", "AAAA", "%%%%"])("refuses %j as sealed", (data) => {
    expect(() => session().cipher.decrypt(data)).toThrow();
  });
});

test("Base64 of any length goes there and back", () => {
  for (const length of [0, 1, 2, 3, 4, 8191, 8192, 8193]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) & 255);
    expect(unbase64(base64(bytes))).toEqual(bytes);
    expect(unbase64url(base64url(bytes))).toEqual(bytes);
    expect(base64url(bytes)).toMatch(/^[\w-]*$/);
  }
});
