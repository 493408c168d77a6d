import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { LinkError } from "../../src/session";
import { ObservedSession, TestBed } from "../support/test_bed";

let bed: TestBed;
let observed: ObservedSession;

beforeEach(() => {
  bed = new TestBed();
  observed = new ObservedSession(bed);
});

afterEach(() => observed.session.close());

/** Link the browser to the machine, and wait for what comes of it. */
async function linked(): Promise<void> {
  observed.session.open();
  await observed.session.pair(bed.newLink());
  await bed.settle();
}

/** What went to the relay in clear. */
const inClear = (): Set<string> => new Set(bed.traffic.filter(([direction]) => direction === "up").map(([, event]) => event));

/** A visit of the same browser later. */
async function later(): Promise<ObservedSession> {
  observed.session.close();
  await bed.settle();
  const next = new ObservedSession(bed);
  observed = next;
  next.session.open();
  await bed.pass(3000);
  return next;
}

describe("a browser that is paired", () => {
  test("is ready", async () => {
    await linked();
    expect(observed.stages).toEqual(["unpaired", "offline", "signing-in", "waiting", "securing", "ready"]);
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "relay", waitingFor: null, problem: null, machine: "the machine" });
    expect(bed.agent.phoneName).toBe("Test on a device");
    expect(bed.agent.phoneFeatures).toEqual(["ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind", "assistant"]);
  });

  test("sends nothing to the machine in clear", async () => {
    await linked();
    observed.session.create(80, 24);
    await bed.settle();
    observed.session.input(observed.session.tabs[0]!.uuid, "a secret");
    await bed.settle();
    expect(bed.agent.terminals.values().next().value?.typed).toBe("a secret");
    expect(inClear()).toEqual(new Set(["register", "request_connection", "handshake:response", "handshake:confirmed", "e2e:hello", "e2e:sealed"]));
    expect(JSON.stringify(bed.traffic)).not.toContain("a secret");
  });

  test("needs no link the next time, and uses no secret then", async () => {
    await linked();
    expect(bed.agent.links.size).toBe(0);
    const next = await later();
    expect(next.stage).toBe("ready");
    expect(bed.agent.pinned.size).toBe(1);
  });

  test("is the same device to relay and machine on each visit", async () => {
    await linked();
    await later();
    const registered = bed.traffic.filter(([, event]) => event === "register").map(([, , payload]) => [payload.deviceId, payload.publicKey]);
    expect(registered).toHaveLength(2);
    expect(registered[0]).toEqual(registered[1]);
  });

  test("may be paired with the same machine again, whether or not it is still known there", async () => {
    await linked();
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(observed.stage).toBe("ready");
    bed.agent.pinned.clear();
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(observed.stage).toBe("ready");
  });

  test("connects when the machine knew it, but the answer was lost", async () => {
    observed.session.open();
    bed.intercept = (direction, event, payload) => (direction === "down" && event === "e2e:sealed" ? null : payload);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(bed.agent.pinned.size).toBe(1);
    bed.intercept = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("connects when the machine did not receive that it is ready", async () => {
    observed.session.open();
    bed.intercept = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" ? null : payload);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(bed.agent.pinned.size).toBe(0);
    bed.intercept = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("without storage is ready, too, and says that the pairing lasts for this visit", async () => {
    bed.storage = null;
    observed = new ObservedSession(bed);
    observed.session.open();
    expect(observed.problems).toEqual([expect.stringMatching(/stores nothing/)]);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(observed.stage).toBe("ready");
  });

  test("whose storage is full is ready, too", async () => {
    bed.storage!.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    await linked();
    expect(observed.stage).toBe("ready");
  });

  test("gets the account's settings", async () => {
    await linked();
    expect(observed.session.settings).toEqual({ theme: "dark" });
    await observed.session.putSettings({ fontSize: 17 });
    expect(bed.settings).toEqual({ theme: "dark", fontSize: 17 });
  });

  test("can forget the machine", async () => {
    await linked();
    observed.session.forget();
    await bed.pass(60_000);
    expect(observed.stage).toBe("unpaired");
    expect(bed.storage!.kept.get("mobifai.1.machines")).toBe("[]");
    expect([...bed.storage!.kept.keys()].sort()).toEqual(["mobifai.1.machines", "mobifai.1.settings"]);
    expect(bed.connections).toBe(1);
  });
});

describe("a link that is not valid", () => {
  test.each(["", "http://relay.test/", "http://relay.test/#1.AAAA.x.y.z"])("%j is refused with a reason", async (text) => {
    observed.session.open();
    await expect(observed.session.pair(text)).rejects.toThrow(/mobifai pair/);
    await expect(observed.session.pair(text)).rejects.toBeInstanceOf(LinkError);
    expect(observed.stage).toBe("unpaired");
    expect(bed.connections).toBe(0);
  });

  test("whose code was used is refused by the relay", async () => {
    const link = bed.newLink();
    bed.codes.clear();
    observed.session.open();
    await expect(observed.session.pair(link)).rejects.toThrow(/wrong code.*mobifai pair/);
  });

  test("without a relay says so", async () => {
    bed.relayIsUp = false;
    observed.session.open();
    await expect(observed.session.pair(bed.newLink())).rejects.toThrow(/can't be reached/);
  });

  test("whose secret was used is refused by the machine", async () => {
    const link = bed.newLink();
    bed.agent.links.clear();
    observed.session.open();
    await observed.session.pair(link);
    await bed.pass(60_000);
    expect(observed.stage).toBe("refused");
    expect(observed.session.connection.problem).toMatch(/mobifai pair/);
    const tried = bed.connections;
    await bed.pass(600_000);
    expect(bed.connections).toBe(tried);
  });
});

describe("a browser that is refused", () => {
  test("because the machine no longer knows it", async () => {
    await linked();
    bed.agent.pinned.clear();
    await later();
    expect(observed.session.connection).toMatchObject({ stage: "refused", path: null, problem: expect.stringMatching(/does not know this browser.*mobifai pair/) });
  });

  test("because it was revoked", async () => {
    await linked();
    for (const key of bed.agent.pinned) bed.agent.revoked.add(key);
    bed.agent.pinned.clear();
    await later();
    expect(observed.session.connection.problem).toMatch(/revoked.*mobifai pair/);
  });

  test("by the relay connects with a new link", async () => {
    await linked();
    bed.tokens.clear();
    await later();
    expect(observed.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/the token is void.*mobifai pair/) });
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(observed.stage).toBe("ready");
    expect(bed.agent.links.size).toBe(0);
  });

  test("does not try again, nor when it wakes", async () => {
    await linked();
    bed.agent.pinned.clear();
    await later();
    const tried = bed.connections;
    await bed.pass(600_000);
    observed.session.wake();
    await bed.pass(600_000);
    expect(bed.connections).toBe(tried);
  });
});

describe("without end-to-end encryption nothing is sent", () => {
  test("to an agent that offers none", async () => {
    bed.peerFeatures = ["ack", "resume"];
    await linked();
    expect(observed.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/no end-to-end encryption/) });
    expect(inClear()).toEqual(new Set(["register", "request_connection"]));
  });

  test("by a relay that can't", async () => {
    bed.peerChallenge = undefined;
    await linked();
    expect(observed.session.connection).toMatchObject({ stage: "refused", problem: expect.stringMatching(/no end-to-end encryption/) });
  });

  test("whatever a relay says in clear", async () => {
    await linked();
    bed.agent.make("one");
    bed.sendFromRelay("processes:sync", { processes: [{ uuid: "forged", name: "forged", createdAt: 1 }], activeUuids: ["forged"] });
    bed.sendFromRelay("terminal:output", { uuid: "forged", data: "forged" });
    bed.sendFromRelay("webrtc:offer", { offer: { type: "offer", sdp: "forged" } });
    bed.sendFromRelay("process:created", { uuid: "forged", name: "forged" });
    bed.sendFromRelay("ai:message", { uuid: "forged", text: "forged" });
    await bed.settle();
    expect(observed.session.tabs).toEqual([]);
    expect(observed.outputs).toEqual([]);
    expect(observed.assistant).toEqual([]);
    expect(bed.peers).toHaveLength(1);
    expect(observed.stage).toBe("ready");
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
    bed.intercept = (direction, event, payload) => {
      if (direction !== way || event !== about || left === 0) return payload;
      left -= 1;
      return { ...payload, [field]: flip(payload[field]) };
    };
    await linked();
    await bed.settle();
    expect(observed.stage).not.toBe("ready");
    expect(observed.problems.at(-1)).toBeDefined();
    await bed.pass(30_000);
    expect(observed.session.connection).toMatchObject({ stage: "ready", problem: null });
  });

  test("and repeats a message ends the session", async () => {
    await linked();
    const sealed = bed.traffic.filter(([direction, event]) => direction === "down" && event === "e2e:sealed").at(-1)![2];
    bed.sendFromRelay("e2e:sealed", sealed);
    await bed.settle();
    expect(observed.problems).toEqual([expect.stringMatching(/changed, repeated or left out/)]);
    await bed.pass(5000);
    expect(observed.stage).toBe("ready");
  });

  test("and passes on another signature gets no further", async () => {
    bed.agent.sign = () => "00".repeat(32);
    await linked();
    await bed.pass(5000);
    expect(observed.stage).not.toBe("ready");
    expect(inClear()).not.toContain("e2e:hello");
    expect(observed.problems.length).toBeGreaterThan(0);
  });

  test("and gives both sides the same challenge gets no further", async () => {
    bed.peerChallenge = "CD".repeat(32); // as the other one, but for the case
    await linked();
    expect(inClear()).not.toContain("handshake:response");
    expect(observed.problems.length).toBeGreaterThan(0);
  });

  test("and hides that the machine signs with both names gets no further", async () => {
    bed.peerFeatures = ["ack", "resume", "e2e"];
    await linked();
    await bed.pass(5000);
    expect(observed.stage).not.toBe("ready");
    expect(observed.problems.length).toBeGreaterThan(0);
    bed.peerFeatures = [...bed.peerFeatures, "bind"];
    await bed.pass(20_000);
    expect(observed.stage).toBe("ready");
  });

  test("of an older machine is used as before", async () => {
    bed.peerFeatures = bed.agent.features = ["ack", "resume", "e2e"];
    await linked();
    expect(observed.stage).toBe("ready");
  });

  test("and sends names of JavaScript's own properties does no harm", async () => {
    await linked();
    for (const event of ["__proto__", "constructor", "toString", "hasOwnProperty"]) bed.sendFromRelay(event, { a: 1 });
    await bed.settle();
    expect(observed.stage).toBe("ready");
  });

  test.each([null, "text", 7, [], {}])("and sends %j instead of an object does no harm", async (payload) => {
    await linked();
    const events = ["authenticated", "available_devices", "handshake:initiate", "handshake:verify", "paired", "e2e:welcome", "e2e:sealed", "e2e:refused", "error"];
    for (const event of events) {
      bed.sendFromRelay(event, payload);
      await bed.pass(1000);
    }
    await bed.pass(60_000);
    expect(["ready", "refused"]).toContain(observed.stage);
  });

  test("and never answers is given up, and tried again", async () => {
    bed.intercept = (direction, event, payload) => (direction === "down" && event === "authenticated" ? null : payload);
    bed.agentIsThere = false;
    await linked();
    await bed.pass(30_000);
    expect(bed.connections).toBeGreaterThan(1);
    bed.agentIsThere = true;
    bed.intercept = (direction, event, payload) => (direction === "down" && event === "e2e:welcome" ? null : payload);
    const before = bed.connections;
    await bed.pass(60_000);
    expect(bed.connections).toBeGreaterThan(before);
    bed.intercept = (_direction, _event, payload) => payload;
    await bed.pass(30_000);
    expect(observed.stage).toBe("ready");
  });
});

describe("a relay's text in clear", () => {
  const bidi = "\u202e";
  const long = `one\ntwo\u0007${bidi}three ” The machine says: “run this ${"x".repeat(5000)}`;

  /** Whether it is one bounded line that names who says it, and quotes it to the end. */
  const isQuoted = (problem: string | null): void => {
    expect(problem).toMatch(/^(The relay does not let this browser in\. )?The relay says: “[^“”\n]*”( Run `mobifai pair`.*)?$/);
    expect(problem!.length).toBeLessThan(400);
    expect(problem).not.toContain(bidi);
  };

  test("as an error is quoted", async () => {
    bed.agentIsThere = false;
    await linked();
    bed.sendFromRelay("error", { message: long });
    await bed.settle();
    isQuoted(observed.session.connection.problem);
  });

  test("as a refused sign-in is quoted, and costs no token", async () => {
    await linked();
    bed.sendFromRelay("auth_error", { message: long });
    await bed.settle();
    isQuoted(observed.session.connection.problem);
    expect(observed.stage).toBe("refused");
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test.each(["broken", "of its own"])("as a refusal (%s) is quoted", async (reason) => {
    bed.intercept = (direction, event, payload) => (direction === "down" && event === "paired" ? null : payload);
    await linked();
    bed.sendFromRelay("e2e:refused", { reason, message: long });
    await bed.settle();
    isQuoted(observed.session.connection.problem);
  });

  test.each(["unknown", "revoked"])("as a refusal (%s) names the relay", async (reason) => {
    await linked();
    bed.sendFromRelay("e2e:refused", { reason, message: long });
    await bed.settle();
    expect(observed.session.connection.problem).toMatch(/^The relay reports that /);
  });

  test("for a wrong code is quoted", async () => {
    observed.session.open();
    const link = bed.newLink();
    bed.codes.clear();
    bed.refusal = long;
    const problem = await observed.session.pair(link).catch((error: Error) => error.message);
    expect(problem).toMatch(/^The relay does not accept this link\. The relay says: “[^“”\n]*” Run `mobifai pair`/);
    expect(String(problem).length).toBeLessThan(400);
  });

  test.each(["unknown", "revoked", "required", "link-used", "broken"])("as a refusal (%s) does not close an open channel", async (reason) => {
    await linked();
    await bed.openChannel();
    bed.sendFromRelay("e2e:refused", { reason, message: "so it is" });
    bed.sendFromRelay("auth_error", { message: "so it is" });
    await bed.pass(60_000);
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "channel" });
  });

  test("changes nothing that is stored about the machine", async () => {
    await linked();
    const kept = new Map(bed.storage!.kept);
    for (const reason of ["unknown", "revoked", "required", "link-used", "broken"]) bed.sendFromRelay("e2e:refused", { reason, message: "" });
    const forged = { message: "forged", loginUrl: "javascript:alert(1)", type: "terminal_ready", peerId: "forged" };
    for (const event of ["auth_error", "login_required", "error", "waiting_for_peer", "system:message", "paired", "paired_device_disconnected"]) {
      await later();
      bed.sendFromRelay(event, forged);
      await bed.settle();
    }
    expect(new Map(bed.storage!.kept)).toEqual(kept);
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("as a used link does not cost the link", async () => {
    observed.session.open();
    bed.intercept = (direction, event, payload) => (direction === "up" && event === "e2e:hello" ? null : payload);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    bed.sendFromRelay("e2e:refused", { reason: "link-used", message: "" });
    await bed.settle();
    bed.intercept = (_direction, _event, payload) => payload;
    const next = await later();
    expect(next.stage).toBe("ready");
  });

  test("as an endless token ends the session", async () => {
    await linked();
    const kept = bed.storage!.kept.size;
    bed.sendFromRelay("authenticated", { token: "x".repeat(100_000) });
    await bed.settle();
    expect(observed.problems.at(-1)).toMatch(/changed, repeated or left out/);
    expect(bed.storage!.kept.size).toBe(kept);
    expect(JSON.stringify([...bed.storage!.kept])).not.toContain("xxxx");
  });
});

describe("the machine", () => {
  test("is found when it connects", async () => {
    bed.agentIsThere = false;
    await linked();
    expect(observed.session.connection).toMatchObject({ stage: "waiting", waitingFor: "the machine" });
    await bed.pass(600_000);
    bed.agentConnects();
    await bed.settle();
    expect(observed.stage).toBe("ready");
    expect(bed.connections).toBe(1);
  });

  test("that restarts is found again, without a problem in between", async () => {
    await linked();
    bed.agentDisconnects();
    await bed.pass(45_000);
    expect(observed.session.connection).toMatchObject({ stage: "waiting", path: null, problem: null });
    expect(bed.connections).toBe(1);
    bed.agentConnects();
    await bed.settle();
    expect(observed.stage).toBe("ready");
  });
});
