import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { UnknownMachineLink } from "../../src/session";
import type { FakeAgent } from "../support/fake_agent";
import { ObservedSession, TestBed } from "../support/test_bed";

const OTHER = "ffeeddcc-bbaa-9988-7766-554433221100";

let world: TestBed;
let watched: ObservedSession;
let first: FakeAgent;
let second: FakeAgent;
let asked: UnknownMachineLink[];
let agrees: boolean;

const agree = async (link: UnknownMachineLink): Promise<boolean> => {
  asked.push(link);
  return agrees;
};

const open = async (link: string): Promise<void> => {
  await watched.session.pair(link, agree);
  await world.settle();
};

/** A link of the other machine, which is at the relay from now on. */
function otherLink(): string {
  world.agent = second;
  return world.newLink();
}

async function later(): Promise<void> {
  watched.session.close();
  await world.settle();
  watched = new ObservedSession(world);
  watched.session.open();
  await world.pass(3000);
}

const names = (): string[] => watched.session.machines.map(({ name, isUsed }) => `${name}${isUsed ? " (used)" : ""}`);

beforeEach(async () => {
  world = new TestBed();
  first = world.agent;
  second = world.machine(OTHER, 2);
  second.name = "the other";
  watched = new ObservedSession(world);
  asked = [];
  agrees = true;
  watched.session.open();
  await open(world.newLink());
});
afterEach(() => watched.session.close());

describe("a link of another machine", () => {
  test("asks first, with both, and does nothing before the answer", async () => {
    let answer: (agreed: boolean) => void = () => undefined;
    const kept = new Map(world.storage!.kept);
    const linking = watched.session.pair(otherLink(), (link) => (asked.push(link), new Promise((resolve) => (answer = resolve))));
    await world.settle();
    expect(asked).toEqual([
      { known: { id: first.id, name: "the machine", fingerprint: expect.stringMatching(/^([0-9a-f]{4} ){3}[0-9a-f]{4}$/), isUsed: true }, replaces: false, machine: OTHER, fingerprint: expect.any(String) },
    ]);
    expect(asked[0]!.fingerprint).not.toBe(asked[0]!.known.fingerprint);
    expect(new Map(world.storage!.kept)).toEqual(kept);
    expect(world.codes.size).toBe(1);
    expect(watched.stage).toBe("ready");
    await expect(watched.session.pair(world.newLink(), agree)).rejects.toThrow(/waiting for your answer/);
    answer(false);
    await linking;
    expect(new Map(world.storage!.kept)).toEqual(kept);
    expect(names()).toEqual(["the machine (used)"]);
    expect(watched.stage).toBe("ready");
  });

  test("is refused where nobody can be asked", async () => {
    await watched.session.pair(otherLink());
    expect(names()).toEqual(["the machine (used)"]);
  });

  test("adds it, when the person agrees, and keeps the first one", async () => {
    await open(otherLink());
    expect(names()).toEqual(["the machine", "the other (used)"]);
    expect(watched.session.connection).toMatchObject({ stage: "ready", machine: "the other" });
    world.agent = first;
    watched.session.choose(first.id);
    await world.settle();
    expect(watched.session.connection).toMatchObject({ stage: "ready", machine: "the machine" });
    expect(asked).toHaveLength(1);
  });

  test("shows no machine what another one sees of this browser", async () => {
    await open(otherLink());
    const [one, other] = world.wire.filter(([, event]) => event === "register").map(([, , payload]) => payload);
    expect(other.deviceId).not.toBe(one.deviceId);
    expect(other.publicKey).not.toBe(one.publicKey);
    expect([...second.pinned][0]).not.toBe([...first.pinned][0]);
  });

  test("whose code is wrong changes nothing", async () => {
    const link = otherLink();
    world.codes.clear();
    await expect(open(link)).rejects.toThrow(/mobifai pair/);
    expect(names()).toEqual(["the machine (used)"]);
    expect(watched.stage).toBe("ready");
  });

  test("is refused in words when there are too many", async () => {
    const all = JSON.parse(world.storage!.kept.get("mobifai.1.machines")!);
    const many = Array.from({ length: 16 }, (_, index) => ({ ...all[0], id: `00112233-4455-6677-8899-aabbccddee${String(index + 10)}` }));
    world.storage!.kept.set("mobifai.1.machines", JSON.stringify(many));
    await expect(open(otherLink())).rejects.toThrow(/16 machines/);
    expect(asked).toEqual([]);
  });
});

describe("a link that names a known machine", () => {
  test("with its key renews, without a question", async () => {
    first.pinned.clear();
    await open(world.newLink());
    expect(asked).toEqual([]);
    expect(names()).toEqual(["the machine (used)"]);
    expect(watched.stage).toBe("ready");
    expect(first.pinned.size).toBe(1);
  });

  test("with another key asks whether to replace it", async () => {
    const impostor = world.machine(first.id, 3);
    world.agent = impostor;
    agrees = false;
    await open(world.newLink());
    expect(asked).toMatchObject([{ replaces: true, known: { name: "the machine" }, machine: first.id }]);
    agrees = true;
    watched.session.putOwnKeys([{ id: "a", label: "a", sequence: "a" }]);
    await open(world.newLink());
    expect(watched.session.machines).toHaveLength(1);
    expect(watched.session.ownKeys.list).toBeNull();
    expect(watched.stage).toBe("ready");
  });

  test("and was not made at the machine costs nothing: what let this browser in before still does", async () => {
    const link = world.newLink();
    first.links.clear(); // its secret is none of the machine's
    await open(link);
    await world.pass(60_000);
    expect(watched.stage).toBe("ready");
    await later();
    expect(watched.stage).toBe("ready");
    expect(world.storage!.kept.get("mobifai.1.machines")).not.toContain('"renewal":{');
  });

  test("and signs this browser in to where the machine is not costs nothing either", async () => {
    const link = world.newLink();
    first.links.clear();
    world.agentIsThere = false;
    await open(link);
    await world.pass(20_000);
    world.tokens.delete("token-2");
    world.agentIsThere = true;
    await world.pass(60_000);
    expect(watched.stage).toBe("ready");
  });

  test("is used after a reload, when the machine was not there yet", async () => {
    world.agentIsThere = false;
    first.pinned.clear();
    await open(world.newLink());
    await later();
    world.agentIsThere = true;
    world.listDevices();
    await world.pass(60_000);
    expect(watched.stage).toBe("ready");
  });

  test("is refused when neither lets this browser in", async () => {
    first.pinned.clear();
    const link = world.newLink();
    first.links.clear();
    await open(link);
    await world.pass(120_000);
    expect(watched.stage).toBe("refused");
    const tried = world.connections;
    await world.pass(120_000);
    expect(world.connections).toBe(tried);
    watched.session.tryAgain();
    await world.settle();
    expect(world.connections).toBe(tried + 1);
  });
});

describe("several machines", () => {
  beforeEach(async () => {
    first.make("of-the-first");
    second.make("of-the-second");
    await open(otherLink());
  });

  test("have their own terminals, order and keys", async () => {
    watched.session.putOwnKeys([{ id: "a", label: "a", sequence: "rm<Enter>" }]);
    await world.settle();
    expect(watched.session.tabs.map(({ uuid }) => uuid)).toEqual(["of-the-second"]);
    world.agent = first;
    watched.session.choose(first.id);
    expect(watched.session.tabs).toEqual([]);
    expect(watched.session.ownKeys.list).toBeNull();
    await world.settle();
    expect(watched.session.tabs.map(({ uuid }) => uuid)).toEqual(["of-the-first"]);
    expect(watched.ended).toContain("of-the-second");
  });

  test("leave what is shown there as it was", async () => {
    watched.session.on("ended", () => watched.session.show([]));
    watched.session.show(["of-the-second"]);
    world.agent = first;
    watched.session.choose(first.id);
    await world.settle();
    expect(JSON.parse(world.storage!.kept.get(`mobifai.1.shown.${OTHER}`)!)).toEqual(["of-the-second"]);
  });

  test("are there after a reload, with the one that was used last", async () => {
    await later();
    expect(names()).toEqual(["the machine", "the other (used)"]);
    expect(watched.stage).toBe("ready");
  });

  test("can be named, by one line of bounded length", () => {
    watched.session.renameMachine(first.id, "\u202e  my\ndesk ");
    expect(names()).toEqual(["my desk", "the other (used)"]);
    watched.session.renameMachine(first.id, "x".repeat(1000));
    expect(watched.session.machines[0]!.name).toHaveLength(60);
    watched.session.renameMachine(first.id, "");
    expect(names()).toEqual(["the machine", "the other (used)"]);
  });

  test("have names of agents that are one line of bounded length", async () => {
    second.name = `\u202eevil\u0000\nname${"x".repeat(1000)}`;
    await later();
    const { name } = watched.session.machines[1]!;
    expect(name).toHaveLength(60);
    expect(name).toMatch(/^evil name/);
  });

  test("can be forgotten one by one, with all that lets this browser in", async () => {
    const key = (): string => world.storage!.kept.get("mobifai.1.machines")!;
    const { ownKey } = JSON.parse(key())[1];
    watched.session.forget(first.id);
    expect(names()).toEqual(["the other (used)"]);
    expect(watched.stage).toBe("ready");
    watched.session.forget();
    await world.pass(30_000);
    expect(watched.session.machines).toEqual([]);
    expect(watched.stage).toBe("unpaired");
    expect(JSON.stringify([...world.storage!.kept])).not.toContain(ownKey);
  });

  test("are not used by themselves when the one in use is forgotten, and a link asks still", async () => {
    watched.session.forget();
    await world.pass(30_000);
    expect(watched.stage).toBe("unpaired");
    expect(names()).toEqual(["the machine"]);
    await open(otherLink());
    expect(asked).toHaveLength(2);
  });

  test("that are none are not chosen", () => {
    watched.session.choose("none");
    expect(names()).toEqual(["the machine", "the other (used)"]);
  });
});

describe("what an earlier version kept", () => {
  const old = async (): Promise<void> => {
    watched.session.close();
    const { kept } = world.storage!;
    const [{ device, relayKey, ownKey, token, renewal: _, label: __, ...machine }] = JSON.parse(kept.get("mobifai.1.machines")!);
    kept.clear();
    const values = { machine, device, "relay-key": relayKey, key: ownKey, token, order: ["one", "two"], shown: ["two"] };
    for (const [name, value] of Object.entries(values)) kept.set(`mobifai.1.${name}`, JSON.stringify(value));
    await later();
  };

  test("is the one machine of the list, and lets this browser in", async () => {
    await old();
    expect(watched.stage).toBe("ready");
    expect(names()).toEqual(["the machine (used)"]);
    expect([...world.storage!.kept.keys()].filter((name) => /\.(machine|device|key|relay-key|token|order|shown)$/.test(name))).toEqual([]);
    expect(JSON.parse(world.storage!.kept.get(`mobifai.1.order.${first.id}`)!)).toEqual(["one", "two"]);
  });

  test.each(["null", "{}", "[]", "7", '"text"', "{", '[{"id":"x"}]', '[null,{"id":7}]'])("%s is no list of machines", async (found) => {
    world.storage!.kept.set("mobifai.1.machines", found);
    world.storage!.kept.set("mobifai.1.machine", found);
    world.storage!.kept.set("mobifai.1.chosen", found);
    await later();
    expect(watched.stage).toBe("unpaired");
    await open((world.agent = first, world.newLink()));
    expect(watched.stage).toBe("ready");
  });
});
