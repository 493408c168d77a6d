import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { UnknownMachineLink } from "../../src/session";
import type { FakeAgent } from "../support/fake_agent";
import { ObservedSession, TestBed } from "../support/test_bed";

const OTHER = "ffeeddcc-bbaa-9988-7766-554433221100";

let bed: TestBed;
let observed: ObservedSession;
let first: FakeAgent;
let second: FakeAgent;
let asked: UnknownMachineLink[];
let agrees: boolean;

const agree = async (link: UnknownMachineLink): Promise<boolean> => {
  asked.push(link);
  return agrees;
};

const open = async (link: string): Promise<void> => {
  await observed.session.pair(link, agree);
  await bed.settle();
};

/** A link of the other machine, which is at the relay from now on. */
function otherLink(): string {
  bed.agent = second;
  return bed.newLink();
}

async function later(): Promise<void> {
  observed.session.close();
  await bed.settle();
  observed = new ObservedSession(bed);
  observed.session.open();
  await bed.pass(3000);
}

const names = (): string[] => observed.session.machines.map(({ name, isUsed }) => `${name}${isUsed ? " (used)" : ""}`);

beforeEach(async () => {
  bed = new TestBed();
  first = bed.agent;
  second = bed.machine(OTHER, 2);
  second.name = "the other";
  observed = new ObservedSession(bed);
  asked = [];
  agrees = true;
  observed.session.open();
  await open(bed.newLink());
});
afterEach(() => observed.session.close());

describe("a link of another machine", () => {
  test("asks first, showing both machines, and does nothing before the answer", async () => {
    let answer: (agreed: boolean) => void = () => undefined;
    const kept = new Map(bed.storage!.kept);
    const linking = observed.session.pair(otherLink(), (link) => (asked.push(link), new Promise((resolve) => (answer = resolve))));
    await bed.settle();
    expect(asked).toEqual([
      { known: { id: first.id, name: "the machine", fingerprint: expect.stringMatching(/^([0-9a-f]{4} ){3}[0-9a-f]{4}$/), isUsed: true }, replaces: false, machine: OTHER, fingerprint: expect.any(String) },
    ]);
    expect(asked[0]!.fingerprint).not.toBe(asked[0]!.known.fingerprint);
    expect(new Map(bed.storage!.kept)).toEqual(kept);
    expect(bed.codes.size).toBe(1);
    expect(observed.stage).toBe("ready");
    await expect(observed.session.pair(bed.newLink(), agree)).rejects.toThrow(/waiting for your answer/);
    answer(false);
    await linking;
    expect(new Map(bed.storage!.kept)).toEqual(kept);
    expect(names()).toEqual(["the machine (used)"]);
    expect(observed.stage).toBe("ready");
  });

  test("is refused when no person can be asked", async () => {
    await observed.session.pair(otherLink());
    expect(names()).toEqual(["the machine (used)"]);
  });

  test("adds it, when the person agrees, and keeps the first one", async () => {
    await open(otherLink());
    expect(names()).toEqual(["the machine", "the other (used)"]);
    expect(observed.session.connection).toMatchObject({ stage: "ready", machine: "the other" });
    bed.agent = first;
    observed.session.choose(first.id);
    await bed.settle();
    expect(observed.session.connection).toMatchObject({ stage: "ready", machine: "the machine" });
    expect(asked).toHaveLength(1);
  });

  test("gives each machine another identity of this browser", async () => {
    await open(otherLink());
    const [one, other] = bed.traffic.filter(([, event]) => event === "register").map(([, , payload]) => payload);
    expect(other.deviceId).not.toBe(one.deviceId);
    expect(other.publicKey).not.toBe(one.publicKey);
    expect([...second.pinned][0]).not.toBe([...first.pinned][0]);
  });

  test("whose code is wrong changes nothing", async () => {
    const link = otherLink();
    bed.codes.clear();
    await expect(open(link)).rejects.toThrow(/mobifai pair/);
    expect(names()).toEqual(["the machine (used)"]);
    expect(observed.stage).toBe("ready");
  });

  test("is refused in words when there are too many", async () => {
    const all = JSON.parse(bed.storage!.kept.get("mobifai.1.machines")!);
    const many = Array.from({ length: 16 }, (_, index) => ({ ...all[0], id: `00112233-4455-6677-8899-aabbccddee${String(index + 10)}` }));
    bed.storage!.kept.set("mobifai.1.machines", JSON.stringify(many));
    await expect(open(otherLink())).rejects.toThrow(/16 machines/);
    expect(asked).toEqual([]);
  });
});

describe("a link that names a known machine", () => {
  test("with its key renews, without a question", async () => {
    first.pinned.clear();
    await open(bed.newLink());
    expect(asked).toEqual([]);
    expect(names()).toEqual(["the machine (used)"]);
    expect(observed.stage).toBe("ready");
    expect(first.pinned.size).toBe(1);
  });

  test("with another key asks whether to replace it", async () => {
    const impostor = bed.machine(first.id, 3);
    bed.agent = impostor;
    agrees = false;
    await open(bed.newLink());
    expect(asked).toMatchObject([{ replaces: true, known: { name: "the machine" }, machine: first.id }]);
    agrees = true;
    observed.session.putOwnKeys([{ id: "a", label: "a", sequence: "a" }]);
    await open(bed.newLink());
    expect(observed.session.machines).toHaveLength(1);
    expect(observed.session.ownKeys.list).toBeNull();
    expect(observed.stage).toBe("ready");
  });

  test("and was not created at the machine does not replace the earlier credentials", async () => {
    const link = bed.newLink();
    first.links.clear(); // its secret is none of the machine's
    await open(link);
    await bed.pass(60_000);
    expect(observed.stage).toBe("ready");
    await later();
    expect(observed.stage).toBe("ready");
    expect(bed.storage!.kept.get("mobifai.1.machines")).not.toContain('"renewal":{');
  });

  test("and signs this browser in at a relay without the machine does not replace them either", async () => {
    const link = bed.newLink();
    first.links.clear();
    bed.agentIsThere = false;
    await open(link);
    await bed.pass(20_000);
    bed.tokens.delete("token-2");
    bed.agentIsThere = true;
    await bed.pass(60_000);
    expect(observed.stage).toBe("ready");
  });

  test("is used after a reload, when the machine was not there yet", async () => {
    bed.agentIsThere = false;
    first.pinned.clear();
    await open(bed.newLink());
    await later();
    bed.agentIsThere = true;
    bed.listDevices();
    await bed.pass(60_000);
    expect(observed.stage).toBe("ready");
  });

  test("is refused when neither credentials are accepted", async () => {
    first.pinned.clear();
    const link = bed.newLink();
    first.links.clear();
    await open(link);
    await bed.pass(120_000);
    expect(observed.stage).toBe("refused");
    const tried = bed.connections;
    await bed.pass(120_000);
    expect(bed.connections).toBe(tried);
    observed.session.tryAgain();
    await bed.settle();
    expect(bed.connections).toBe(tried + 1);
  });
});

describe("several machines", () => {
  beforeEach(async () => {
    first.make("of-the-first");
    second.make("of-the-second");
    await open(otherLink());
  });

  test("have their own terminals, order and keys", async () => {
    observed.session.putOwnKeys([{ id: "a", label: "a", sequence: "rm<Enter>" }]);
    await bed.settle();
    expect(observed.session.tabs.map(({ uuid }) => uuid)).toEqual(["of-the-second"]);
    bed.agent = first;
    observed.session.choose(first.id);
    expect(observed.session.tabs).toEqual([]);
    expect(observed.session.ownKeys.list).toBeNull();
    await bed.settle();
    expect(observed.session.tabs.map(({ uuid }) => uuid)).toEqual(["of-the-first"]);
    expect(observed.ended).toContain("of-the-second");
  });

  test("keep what was shown on each of them", async () => {
    observed.session.on("ended", () => observed.session.show([]));
    observed.session.show(["of-the-second"]);
    bed.agent = first;
    observed.session.choose(first.id);
    await bed.settle();
    expect(JSON.parse(bed.storage!.kept.get(`mobifai.1.shown.${OTHER}`)!)).toEqual(["of-the-second"]);
  });

  test("are there after a reload, with the one that was used last", async () => {
    await later();
    expect(names()).toEqual(["the machine", "the other (used)"]);
    expect(observed.stage).toBe("ready");
  });

  test("can be named, by one line of bounded length", () => {
    observed.session.renameMachine(first.id, "\u202e  my\ndesk ");
    expect(names()).toEqual(["my desk", "the other (used)"]);
    observed.session.renameMachine(first.id, "x".repeat(1000));
    expect(observed.session.machines[0]!.name).toHaveLength(60);
    observed.session.renameMachine(first.id, "");
    expect(names()).toEqual(["the machine", "the other (used)"]);
  });

  test("have names of agents that are one line of bounded length", async () => {
    second.name = `\u202eevil\u0000\nname${"x".repeat(1000)}`;
    await later();
    const { name } = observed.session.machines[1]!;
    expect(name).toHaveLength(60);
    expect(name).toMatch(/^evil name/);
  });

  test("can be forgotten one by one, with all that lets this browser in", async () => {
    const key = (): string => bed.storage!.kept.get("mobifai.1.machines")!;
    const { ownKey } = JSON.parse(key())[1];
    observed.session.forget(first.id);
    expect(names()).toEqual(["the other (used)"]);
    expect(observed.stage).toBe("ready");
    observed.session.forget();
    await bed.pass(30_000);
    expect(observed.session.machines).toEqual([]);
    expect(observed.stage).toBe("unpaired");
    expect(JSON.stringify([...bed.storage!.kept])).not.toContain(ownKey);
  });

  test("are not chosen automatically when the one in use is forgotten, and a link still asks", async () => {
    observed.session.forget();
    await bed.pass(30_000);
    expect(observed.stage).toBe("unpaired");
    expect(names()).toEqual(["the machine"]);
    await open(otherLink());
    expect(asked).toHaveLength(2);
  });

  test("that do not exist can't be chosen", () => {
    observed.session.choose("none");
    expect(names()).toEqual(["the machine", "the other (used)"]);
  });
});

describe("what an earlier version stored", () => {
  const old = async (): Promise<void> => {
    observed.session.close();
    const { kept } = bed.storage!;
    const [{ device, relayKey, ownKey, token, renewal: _, label: __, ...machine }] = JSON.parse(kept.get("mobifai.1.machines")!);
    kept.clear();
    const values = { machine, device, "relay-key": relayKey, key: ownKey, token, order: ["one", "two"], shown: ["two"] };
    for (const [name, value] of Object.entries(values)) kept.set(`mobifai.1.${name}`, JSON.stringify(value));
    await later();
  };

  test("becomes the only machine of the list, and its credentials work", async () => {
    await old();
    expect(observed.stage).toBe("ready");
    expect(names()).toEqual(["the machine (used)"]);
    expect([...bed.storage!.kept.keys()].filter((name) => /\.(machine|device|key|relay-key|token|order|shown)$/.test(name))).toEqual([]);
    expect(JSON.parse(bed.storage!.kept.get(`mobifai.1.order.${first.id}`)!)).toEqual(["one", "two"]);
  });

  test.each(["null", "{}", "[]", "7", '"text"', "{", '[{"id":"x"}]', '[null,{"id":7}]'])("%s is no list of machines", async (found) => {
    bed.storage!.kept.set("mobifai.1.machines", found);
    bed.storage!.kept.set("mobifai.1.machine", found);
    bed.storage!.kept.set("mobifai.1.chosen", found);
    await later();
    expect(observed.stage).toBe("unpaired");
    await open((bed.agent = first, bed.newLink()));
    expect(observed.stage).toBe("ready");
  });
});
