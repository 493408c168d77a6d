import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let world: TestBed;
let watched: ObservedSession;

beforeEach(async () => {
  world = new TestBed();
  watched = new ObservedSession(world);
  for (const uuid of ["one", "two", "three"]) world.agent.make(uuid, uuid);
  world.agent.active = ["one"];
  watched.session.open();
  await watched.session.pair(world.newLink());
  await world.settle();
});

afterEach(() => watched.session.close());

const names = (): string[] => watched.session.tabs.map(({ name }) => name);
const unseen = (): string[] => watched.session.tabs.filter((tab) => tab.unseen).map(({ uuid }) => uuid);

async function reload(): Promise<void> {
  watched.session.close();
  await world.settle();
  watched = new ObservedSession(world);
  watched.session.open();
  await world.settle();
  expect(watched.stage).toBe("ready");
}

describe("the tabs", () => {
  test("are those of the machine, oldest first", () => {
    expect(names()).toEqual(["one", "two", "three"]);
    expect(world.agent.active).toEqual(["one"]);
  });

  test("are made with a size, named, and closed", async () => {
    const uuid = watched.session.create(100, 30, "four");
    await world.settle();
    expect(names()).toEqual(["one", "two", "three", "four"]);
    expect(world.agent.terminals.get(uuid)).toMatchObject({ name: "four", size: [100, 30] });
    expect(world.agent.active).toEqual([uuid]);
    watched.session.rename(uuid, "vier");
    await world.settle();
    expect(names().at(-1)).toBe("vier");
    watched.session.terminate(uuid);
    await world.settle();
    expect(names()).toEqual(["one", "two", "three"]);
    expect(watched.ended).toEqual([uuid]);
  });

  test("have names of one line, whoever gave them", async () => {
    world.agent.say("process:renamed", { uuid: "one", name: "\u202eone\n\u0007more" });
    world.agent.say("process:renamed", { uuid: "two", name: "x".repeat(1000) });
    await world.settle();
    expect(names()).toEqual(["one more", `${"x".repeat(99)}…`, "three"]);
  });

  test("keep the order in which the person has put them", async () => {
    watched.session.reorder(["three", "one", "two"]);
    expect(names()).toEqual(["three", "one", "two"]);
    await reload();
    expect(names()).toEqual(["three", "one", "two"]);
    watched.session.create(80, 24, "four");
    await world.settle();
    expect(names()).toEqual(["three", "one", "two", "four"]);
  });

  test("that were shown are shown after a reload, whatever the machine thinks", async () => {
    watched.session.show(["two", "three"]);
    await world.settle();
    expect(world.agent.active).toEqual(["two", "three"]);
    world.agent.active = ["one"];
    await reload();
    expect(world.agent.active).toEqual(["two", "three"]);
  });

  test("that were shown are shown when machine or relay come back", async () => {
    watched.session.show(["two"]);
    await world.settle();
    world.agentLeaves();
    await world.settle();
    world.agent.active = ["one"];
    world.agentReturns();
    await world.settle();
    expect(world.agent.active).toEqual(["two"]);
    world.cut();
    world.agent.active = ["three"];
    await world.pass(3000);
    expect(world.agent.active).toEqual(["two"]);
    world.agent.print("two", "hello");
    await world.settle();
    expect(watched.shown.get("two")).toMatch(/hello$/);
  });

  test("that are gone meanwhile are told as ended, and others shown", async () => {
    watched.session.show(["two"]);
    await world.settle();
    world.cut();
    world.agent.terminals.delete("two");
    world.agent.active = ["three"];
    await world.pass(3000);
    expect(watched.ended).toEqual(["two"]);
    expect(names()).toEqual(["one", "three"]);
    expect(world.agent.active).toEqual(["three"]);
  });

  test("of another machine than before are all told as ended", async () => {
    watched.session.resize("one", 90, 20);
    await watched.session.pair(world.newLink());
    expect(watched.ended).toEqual(["one", "two", "three"]);
    world.agent.terminals.clear();
    world.agent.heard.length = 0;
    await world.settle();
    expect(world.agent.heard.map(([type]) => type)).not.toContain("terminal:resize");
  });

  test("whose shell ends and is kept stay, say how, and take no input", async () => {
    world.agent.say("process:exited", { uuid: "one", exited: { status: 3 }, kept: true });
    world.agent.say("process:exited", { uuid: "two", exited: { signal: "SIGKILL" }, kept: true });
    await world.settle();
    expect(watched.session.tabs.map(({ exit }) => exit)).toEqual(["exited with status 3", "was killed by SIGKILL", null]);
    expect(watched.ended).toEqual([]);
    world.agent.heard.length = 0;
    expect(watched.session.input("one", "ls\r")).toBe(true);
    await world.settle();
    expect(world.agent.heard.map(([type]) => type)).not.toContain("terminal:input");
    watched.session.terminate("one");
    await world.settle();
    expect(names()).toEqual(["two", "three"]);
  });

  test("whose end the relay tells in odd words are gone, or have plain ones", async () => {
    world.agent.say("process:exited", { uuid: "one", exited: { signal: "\n<b>" }, kept: true });
    world.agent.say("process:exited", { uuid: "two", exited: "no", kept: true });
    await world.settle();
    expect(watched.session.tabs.map(({ uuid, exit }) => [uuid, exit])).toEqual([["one", "ended"], ["three", null]]);
  });

  test("whose shell ends by itself are gone", async () => {
    world.agent.terminals.delete("one");
    world.agent.say("process:exited", { uuid: "one" });
    await world.settle();
    expect(names()).toEqual(["two", "three"]);
    expect(watched.ended).toEqual(["one"]);
  });

  test("have the size that they were given, after each sync too", async () => {
    watched.session.resize("one", 90, 20);
    await world.settle();
    expect(world.agent.terminals.get("one")!.size).toEqual([90, 20]);
    world.agent.terminals.get("one")!.size = [80, 24];
    world.cut();
    await world.pass(3000);
    expect(world.agent.terminals.get("one")!.size).toEqual([90, 20]);
  });
});

describe("output that nobody saw", () => {
  test("marks a hidden tab, until it is shown", async () => {
    world.agent.print("one", "seen");
    world.agent.print("two", "not seen");
    await world.settle();
    expect(unseen()).toEqual(["two"]);
    expect(watched.shown.has("two")).toBe(false);
    watched.session.show(["two"]);
    await world.settle();
    expect(unseen()).toEqual([]);
    expect(watched.shown.get("two")).toContain("not seen");
  });

  test("is found by the positions after a connection was lost", async () => {
    world.agent.print("one", "1");
    watched.session.show(["one", "two"]);
    await world.settle();
    world.agent.print("two", "2");
    await world.settle();
    watched.session.show(["one"]);
    await world.settle();
    world.cut();
    world.agent.terminals.get("two")!.printed += "while away";
    await world.pass(3000);
    expect(unseen()).toEqual(["two"]);
  });

  test("does not tell the views more than once", async () => {
    let told = 0;
    watched.session.on("tabs", () => (told += 1));
    for (let count = 0; count < 10; count += 1) world.agent.print("two", "x");
    await world.settle();
    expect(told).toBe(1);
  });
});

describe("what the machine says", () => {
  test("that could not be done is told to the person", async () => {
    world.agent.say("process:error", { uuid: "one", error: "no more terminals" });
    await world.settle();
    expect(watched.troubles).toEqual(["no more terminals"]);
  });

  test("of the assistant is handed on", async () => {
    watched.session.prompt("list files", "one");
    await world.settle();
    expect(watched.assistant).toEqual([{ type: "started", uuid: "one", conversation: 1, prompt: "list files" }]);
    watched.session.approve("a", true);
    watched.session.cancel();
    await world.settle();
    expect(world.agent.heard.slice(-2).map(([type, payload]) => [type, payload])).toEqual([["ai:approve", { id: "a", ok: true }], ["ai:cancel", {}]]);
  });

  test("of how it is answers all who ask", async () => {
    const asked = [watched.session.health(), watched.session.health()];
    await world.settle();
    const [one, other] = await Promise.all(asked);
    expect(one).toMatchObject({ version: "1", terminals: 3 });
    expect(other).toBe(one);
  });

  test("not at all is told after some seconds", async () => {
    world.bend = () => null;
    const asked = expect(watched.session.health()).rejects.toThrow(/did not answer/);
    await world.pass(7000);
    await asked;
  });

  test.each([null, "text", 7, [], {}])("%j where more is expected does no harm", async (payload) => {
    const events = ["processes:sync", "process:created", "process:renamed", "process:screen", "terminal:output", "process:printed", "webrtc:offer", "webrtc:ice-candidate", "system:echo", "process:error"];
    for (const event of events) {
      world.agent.say(event, payload as never);
      await world.pass(1000);
    }
    await world.pass(30_000);
    expect(watched.stage).toBe("ready");
    world.agent.print("one", "fine");
    await world.settle();
    expect(watched.shown.get("one")).toMatch(/fine/);
  });
});

describe("without a connection", () => {
  beforeEach(() => {
    world.relayIsUp = false;
    world.cut();
  });

  test("what is asked for is told as trouble, and not done later", async () => {
    watched.session.create(80, 24);
    watched.session.rename("one", "two");
    watched.session.terminate("one");
    watched.session.prompt("x", "one");
    expect(watched.troubles).toHaveLength(4);
    world.relayIsUp = true;
    await world.pass(20_000);
    expect(watched.stage).toBe("ready");
    expect(names()).toEqual(["one", "two", "three"]);
  });

  test("how the machine is can't be asked", async () => {
    await expect(watched.session.health()).rejects.toThrow(/no connection/);
  });

  test("showing another tab is kept until there is one", async () => {
    watched.session.show(["three"]);
    world.relayIsUp = true;
    await world.pass(20_000);
    expect(world.agent.active).toEqual(["three"]);
  });
});

test("a listener that fails keeps nobody from hearing", async () => {
  const failed: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (call: () => void) => failed.push(call));
  watched.session.on("output", () => {
    throw new Error("a view's mistake");
  });
  const heard: string[] = [];
  const stop = watched.session.on("output", ({ data }) => heard.push(data));
  world.agent.print("one", "a");
  await world.settle();
  stop();
  world.agent.print("one", "b");
  await world.settle();
  vi.unstubAllGlobals();
  expect(heard).toEqual(["a"]);
  expect(watched.stage).toBe("ready");
  expect(failed).toHaveLength(2);
  expect(failed[0]).toThrow("a view's mistake");
});
