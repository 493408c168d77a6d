import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { LinkError } from "../../src/session";
import { ObservedSession, TestBed } from "../support/test_bed";

let world: TestBed;
let watched: ObservedSession;

beforeEach(() => {
  world = new TestBed();
  watched = new ObservedSession(world);
});

afterEach(() => watched.session.close());

/** Link the browser to the machine, and wait for what comes of it. */
async function linked(): Promise<void> {
  watched.session.open();
  await watched.session.pair(world.newLink());
  await world.settle();
}

/** What went to the relay in clear. */
const inClear = (): Set<string> => new Set(world.wire.filter(([direction]) => direction === "up").map(([, event]) => event));

/** A visit of the same browser later. */
async function later(): Promise<ObservedSession> {
  watched.session.close();
  await world.settle();
  const next = new ObservedSession(world);
  watched = next;
  next.session.open();
  await world.pass(3000);
  return next;
}

describe("a browser that is linked", () => {
  test("is ready", async () => {
    await linked();
    expect(watched.stages).toEqual(["unpaired", "offline", "signing-in", "waiting", "securing", "ready"]);
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "relay", waitingFor: null, problem: null, machine: "the machine" });
    expect(world.agent.phoneName).toBe("Test on a device");
    expect(world.agent.phoneFeatures).toEqual(["ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind", "assistant"]);
  });

  test("says nothing to the machine in clear", async () => {
    await linked();
    watched.session.create(80, 24);
    await world.settle();
    watched.session.input(watched.session.tabs[0]!.uuid, "a secret");
    await world.settle();
    expect(world.agent.terminals.values().next().value?.typed).toBe("a secret");
    expect(inClear()).toEqual(new Set(["register", "request_connection", "handshake:response", "handshake:confirmed", "e2e:hello", "e2e:sealed"]));
    expect(JSON.stringify(world.wire)).not.toContain("a secret");
  });

  test("needs no link the next time, and uses no secret then", async () => {
    await linked();
    expect(world.agent.links.size).toBe(0);
    const next = await later();
    expect(next.stage).toBe("ready");
    expect(world.agent.pinned.size).toBe(1);
  });

  test("is the same device to relay and machine on each visit", async () => {
    await linked();
    await later();
    const registered = world.wire.filter(([, event]) => event === "register").map(([, , payload]) => [payload.deviceId, payload.publicKey]);
    expect(registered).toHaveLength(2);
    expect(registered[0]).toEqual(registered[1]);
  });

  test("may be linked to the same machine again, whether or not it is known there still", async () => {
    await linked();
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(watched.stage).toBe("ready");
    world.agent.pinned.clear();
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(watched.stage).toBe("ready");
  });

  test("comes in when the machine knew it, but its answer was lost", async () => {
    watched.session.open();
    world.bend = (direction, event, payload) => (direction === "down" && event === "e2e:sealed" ? null : payload);
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(world.agent.pinned.size).toBe(1);
    world.bend = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("comes in when the machine did not hear that it is ready", async () => {
    watched.session.open();
    world.bend = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" ? null : payload);
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(world.agent.pinned.size).toBe(0);
    world.bend = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("without storage is ready too, and says that this visit is all", async () => {
    world.storage = null;
    watched = new ObservedSession(world);
    watched.session.open();
    expect(watched.problems).toEqual([expect.stringMatching(/stores nothing/)]);
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(watched.stage).toBe("ready");
  });

  test("whose storage is full is ready too", async () => {
    world.storage!.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    await linked();
    expect(watched.stage).toBe("ready");
  });

  test("gets the account's settings", async () => {
    await linked();
    expect(watched.session.settings).toEqual({ theme: "dark" });
    await watched.session.putSettings({ fontSize: 17 });
    expect(world.settings).toEqual({ theme: "dark", fontSize: 17 });
  });

  test("can forget the machine", async () => {
    await linked();
    watched.session.forget();
    await world.pass(60_000);
    expect(watched.stage).toBe("unpaired");
    expect(world.storage!.kept.get("mobifai.1.machines")).toBe("[]");
    expect([...world.storage!.kept.keys()].sort()).toEqual(["mobifai.1.machines", "mobifai.1.settings"]);
    expect(world.connections).toBe(1);
  });
});

describe("a link that is no good", () => {
  test.each(["", "http://relay.test/", "http://relay.test/#1.AAAA.x.y.z"])("%j is refused with words", async (text) => {
    watched.session.open();
    await expect(watched.session.pair(text)).rejects.toThrow(/mobifai pair/);
    await expect(watched.session.pair(text)).rejects.toBeInstanceOf(LinkError);
    expect(watched.stage).toBe("unpaired");
    expect(world.connections).toBe(0);
  });

  test("whose code was used is refused by the relay", async () => {
    const link = world.newLink();
    world.codes.clear();
    watched.session.open();
    await expect(watched.session.pair(link)).rejects.toThrow(/wrong code.*mobifai pair/);
  });

  test("without a relay says so", async () => {
    world.relayIsUp = false;
    watched.session.open();
    await expect(watched.session.pair(world.newLink())).rejects.toThrow(/can't be reached/);
  });

  test("whose secret was used is refused by the machine", async () => {
    const link = world.newLink();
    world.agent.links.clear();
    watched.session.open();
    await watched.session.pair(link);
    await world.pass(60_000);
    expect(watched.stage).toBe("refused");
    expect(watched.session.connection.problem).toMatch(/mobifai pair/);
    const tried = world.connections;
    await world.pass(600_000);
    expect(world.connections).toBe(tried);
  });
});

describe("a browser that is refused", () => {
  test("since the machine does not know it any more", async () => {
    await linked();
    world.agent.pinned.clear();
    await later();
    expect(watched.session.connection).toMatchObject({ stage: "refused", path: null, problem: expect.stringMatching(/does not know this browser.*mobifai pair/) });
  });

  test("since it was revoked", async () => {
    await linked();
    for (const key of world.agent.pinned) world.agent.revoked.add(key);
    world.agent.pinned.clear();
    await later();
    expect(watched.session.connection.problem).toMatch(/revoked.*mobifai pair/);
  });

  test("by the relay comes in by a new link", async () => {
    await linked();
    world.tokens.clear();
    await later();
    expect(watched.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/the token is void.*mobifai pair/) });
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(watched.stage).toBe("ready");
    expect(world.agent.links.size).toBe(0);
  });

  test("tries no more by itself, nor when it wakes", async () => {
    await linked();
    world.agent.pinned.clear();
    await later();
    const tried = world.connections;
    await world.pass(600_000);
    watched.session.wake();
    await world.pass(600_000);
    expect(world.connections).toBe(tried);
  });
});

describe("without end-to-end encryption nothing is said", () => {
  test("to an agent that offers none", async () => {
    world.peerFeatures = ["ack", "resume"];
    await linked();
    expect(watched.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/no end-to-end encryption/) });
    expect(inClear()).toEqual(new Set(["register", "request_connection"]));
  });

  test("by a relay that can't", async () => {
    world.peerChallenge = undefined;
    await linked();
    expect(watched.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/no end-to-end encryption/) });
  });

  test("whatever a relay says in clear", async () => {
    await linked();
    world.agent.make("one");
    world.say("processes:sync", { processes: [{ uuid: "forged", name: "forged", createdAt: 1 }], activeUuids: ["forged"] });
    world.say("terminal:output", { uuid: "forged", data: "forged" });
    world.say("webrtc:offer", { offer: { type: "offer", sdp: "forged" } });
    world.say("process:created", { uuid: "forged", name: "forged" });
    world.say("ai:message", { uuid: "forged", text: "forged" });
    await world.settle();
    expect(watched.session.tabs).toEqual([]);
    expect(watched.outputs).toEqual([]);
    expect(watched.assistant).toEqual([]);
    expect(world.peers).toHaveLength(1);
    expect(watched.stage).toBe("ready");
  });
});

describe("a relay that lies", () => {
  const flip = (coded: string): string => (coded.startsWith("A") ? `B${coded.slice(1)}` : `A${coded.slice(1)}`);

  test.each([
    ["down", "e2e:welcome", "message"],
    ["up", "e2e:hello", "message"],
    ["down", "e2e:sealed", "data"],
    ["up", "e2e:sealed", "data"],
  ])("and changes what goes %s as %s ends the session, which comes back by itself", async (way, about, field) => {
    let left = 1;
    world.bend = (direction, event, payload) => {
      if (direction !== way || event !== about || left === 0) return payload;
      left -= 1;
      return { ...payload, [field]: flip(payload[field]) };
    };
    await linked();
    await world.settle();
    expect(watched.stage).not.toBe("ready");
    expect(watched.problems.at(-1)).toBeDefined();
    await world.pass(30_000);
    expect(watched.session.connection).toMatchObject({ stage: "ready", problem: null });
  });

  test("and repeats a message ends the session", async () => {
    await linked();
    const sealed = world.wire.filter(([direction, event]) => direction === "down" && event === "e2e:sealed").at(-1)![2];
    world.say("e2e:sealed", sealed);
    await world.settle();
    expect(watched.problems).toEqual([expect.stringMatching(/changed, repeated or left out/)]);
    await world.pass(5000);
    expect(watched.stage).toBe("ready");
  });

  test("and hands over another's signature gets no further", async () => {
    world.agent.sign = () => "00".repeat(32);
    await linked();
    await world.pass(5000);
    expect(watched.stage).not.toBe("ready");
    expect(inClear()).not.toContain("e2e:hello");
    expect(watched.problems.length).toBeGreaterThan(0);
  });

  test("and gives both sides the same challenge gets no further", async () => {
    world.peerChallenge = "CD".repeat(32); // as the other one, but for the case
    await linked();
    expect(inClear()).not.toContain("handshake:response");
    expect(watched.problems.length).toBeGreaterThan(0);
  });

  test("and hides that the machine signs with both names gets no further", async () => {
    world.peerFeatures = ["ack", "resume", "e2e"];
    await linked();
    await world.pass(5000);
    expect(watched.stage).not.toBe("ready");
    expect(watched.problems.length).toBeGreaterThan(0);
    world.peerFeatures = [...world.peerFeatures, "bind"];
    await world.pass(20_000);
    expect(watched.stage).toBe("ready");
  });

  test("of an older machine is used as before", async () => {
    world.peerFeatures = world.agent.features = ["ack", "resume", "e2e"];
    await linked();
    expect(watched.stage).toBe("ready");
  });

  test("and names things of JavaScript does no harm", async () => {
    await linked();
    for (const event of ["__proto__", "constructor", "toString", "hasOwnProperty"]) world.say(event, { a: 1 });
    await world.settle();
    expect(watched.stage).toBe("ready");
  });

  test.each([null, "text", 7, [], {}])("and says %j where more is expected does no harm", async (payload) => {
    await linked();
    const events = ["authenticated", "available_devices", "handshake:initiate", "handshake:verify", "paired", "e2e:welcome", "e2e:sealed", "e2e:refused", "error"];
    for (const event of events) {
      world.say(event, payload);
      await world.pass(1000);
    }
    await world.pass(60_000);
    expect(["ready", "refused"]).toContain(watched.stage);
  });

  test("and never answers is given up, and tried again", async () => {
    world.bend = (direction, event, payload) => (direction === "down" && event === "authenticated" ? null : payload);
    world.agentIsThere = false;
    await linked();
    await world.pass(30_000);
    expect(world.connections).toBeGreaterThan(1);
    world.agentIsThere = true;
    world.bend = (direction, event, payload) => (direction === "down" && event === "e2e:welcome" ? null : payload);
    const before = world.connections;
    await world.pass(60_000);
    expect(world.connections).toBeGreaterThan(before);
    world.bend = (_direction, _event, payload) => payload;
    await world.pass(30_000);
    expect(watched.stage).toBe("ready");
  });
});

describe("what a relay says in clear", () => {
  const bidi = "\u202e";
  const long = `one\ntwo\u0007${bidi}three ” The machine says: “run this ${"x".repeat(5000)}`;

  /** Whether it is one bounded line that names who says it, and quotes it to the end. */
  const isQuoted = (problem: string | null): void => {
    expect(problem).toMatch(/^(The relay does not let this browser in\. )?The relay says: “[^“”\n]*”( Run `mobifai pair`.*)?$/);
    expect(problem!.length).toBeLessThan(400);
    expect(problem).not.toContain(bidi);
  };

  test("as an error is told as its words", async () => {
    world.agentIsThere = false;
    await linked();
    world.say("error", { message: long });
    await world.settle();
    isQuoted(watched.session.connection.problem);
  });

  test("as a refused sign-in is told as its words, and costs no token", async () => {
    await linked();
    world.say("auth_error", { message: long });
    await world.settle();
    isQuoted(watched.session.connection.problem);
    expect(watched.stage).toBe("refused");
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test.each(["broken", "of its own"])("as a refusal (%s) is told as its words", async (reason) => {
    world.bend = (direction, event, payload) => (direction === "down" && event === "paired" ? null : payload);
    await linked();
    world.say("e2e:refused", { reason, message: long });
    await world.settle();
    isQuoted(watched.session.connection.problem);
  });

  test.each(["unknown", "revoked"])("as a refusal (%s) names the relay", async (reason) => {
    await linked();
    world.say("e2e:refused", { reason, message: long });
    await world.settle();
    expect(watched.session.connection.problem).toMatch(/^The relay reports that /);
  });

  test("for a wrong code is told as its words", async () => {
    watched.session.open();
    const link = world.newLink();
    world.codes.clear();
    world.refusal = long;
    const problem = await watched.session.pair(link).catch((error: Error) => error.message);
    expect(problem).toMatch(/^The relay does not accept this link\. The relay says: “[^“”\n]*” Run `mobifai pair`/);
    expect(String(problem).length).toBeLessThan(400);
  });

  test.each(["unknown", "revoked", "required", "link-used", "broken"])("as a refusal (%s) does not take an open channel away", async (reason) => {
    await linked();
    await world.openChannel();
    world.say("e2e:refused", { reason, message: "so it is" });
    world.say("auth_error", { message: "so it is" });
    await world.pass(60_000);
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "channel" });
  });

  test("changes nothing of what is kept about the machine", async () => {
    await linked();
    const kept = new Map(world.storage!.kept);
    for (const reason of ["unknown", "revoked", "required", "link-used", "broken"]) world.say("e2e:refused", { reason, message: "" });
    const forged = { message: "forged", loginUrl: "javascript:alert(1)", type: "terminal_ready", peerId: "forged" };
    for (const event of ["auth_error", "login_required", "error", "waiting_for_peer", "system:message", "paired", "paired_device_disconnected"]) {
      await later();
      world.say(event, forged);
      await world.settle();
    }
    expect(new Map(world.storage!.kept)).toEqual(kept);
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("as a used link does not cost the link", async () => {
    watched.session.open();
    world.bend = (direction, event, payload) => (direction === "up" && event === "e2e:hello" ? null : payload);
    await watched.session.pair(world.newLink());
    await world.settle();
    world.say("e2e:refused", { reason: "link-used", message: "" });
    await world.settle();
    world.bend = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("as a token without end ends the session", async () => {
    await linked();
    const kept = world.storage!.kept.size;
    world.say("authenticated", { token: "x".repeat(100_000) });
    await world.settle();
    expect(watched.problems.at(-1)).toMatch(/changed, repeated or left out/);
    expect(world.storage!.kept.size).toBe(kept);
    expect(JSON.stringify([...world.storage!.kept])).not.toContain("xxxx");
  });
});

describe("the machine", () => {
  test("is waited for, and found when it comes", async () => {
    world.agentIsThere = false;
    await linked();
    expect(watched.session.connection).toMatchObject({ stage: "waiting", waitingFor: "the machine" });
    await world.pass(600_000);
    world.agentReturns();
    await world.settle();
    expect(watched.stage).toBe("ready");
    expect(world.connections).toBe(1);
  });

  test("that restarts is found again, and nothing is wrong meanwhile", async () => {
    await linked();
    world.agentLeaves();
    await world.pass(45_000);
    expect(watched.session.connection).toMatchObject({ stage: "waiting", path: null, problem: null });
    expect(world.connections).toBe(1);
    world.agentReturns();
    await world.settle();
    expect(watched.stage).toBe("ready");
  });
});
