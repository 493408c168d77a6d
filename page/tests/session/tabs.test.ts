import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let bed: TestBed;
let observed: ObservedSession;

beforeEach(async () => {
  bed = new TestBed();
  observed = new ObservedSession(bed);
  for (const uuid of ["one", "two", "three"]) bed.agent.make(uuid, uuid);
  bed.agent.active = ["one"];
  observed.session.open();
  await observed.session.pair(bed.newLink());
  await bed.settle();
});

afterEach(() => observed.session.close());

const names = (): string[] => observed.session.tabs.map(({ name }) => name);
const unseen = (): string[] => observed.session.tabs.filter((tab) => tab.unseen).map(({ uuid }) => uuid);

async function reload(): Promise<void> {
  observed.session.close();
  await bed.settle();
  observed = new ObservedSession(bed);
  observed.session.open();
  await bed.settle();
  expect(observed.stage).toBe("ready");
}

describe("the tabs", () => {
  test("are those of the machine, oldest first", () => {
    expect(names()).toEqual(["one", "two", "three"]);
    expect(bed.agent.active).toEqual(["one"]);
  });

  test("are made with a size, named, and closed", async () => {
    const uuid = observed.session.create(100, 30, "four");
    await bed.settle();
    expect(names()).toEqual(["one", "two", "three", "four"]);
    expect(bed.agent.terminals.get(uuid)).toMatchObject({ name: "four", size: [100, 30] });
    expect(bed.agent.active).toEqual([uuid]);
    observed.session.rename(uuid, "vier");
    await bed.settle();
    expect(names().at(-1)).toBe("vier");
    observed.session.terminate(uuid);
    await bed.settle();
    expect(names()).toEqual(["one", "two", "three"]);
    expect(observed.ended).toEqual([uuid]);
  });

  test("have names of one line", async () => {
    bed.agent.send("process:renamed", { uuid: "one", name: "\u202eone\n\u0007more" });
    bed.agent.send("process:renamed", { uuid: "two", name: "x".repeat(1000) });
    await bed.settle();
    expect(names()).toEqual(["one more", `${"x".repeat(99)}…`, "three"]);
  });

  test("keep the order in which the person has put them", async () => {
    observed.session.reorder(["three", "one", "two"]);
    expect(names()).toEqual(["three", "one", "two"]);
    await reload();
    expect(names()).toEqual(["three", "one", "two"]);
    observed.session.create(80, 24, "four");
    await bed.settle();
    expect(names()).toEqual(["three", "one", "two", "four"]);
  });

  test("that were shown are shown after a reload, whatever the machine thinks", async () => {
    observed.session.show(["two", "three"]);
    await bed.settle();
    expect(bed.agent.active).toEqual(["two", "three"]);
    bed.agent.active = ["one"];
    await reload();
    expect(bed.agent.active).toEqual(["two", "three"]);
  });

  test("that were shown are shown when machine or relay come back", async () => {
    observed.session.show(["two"]);
    await bed.settle();
    bed.agentDisconnects();
    await bed.settle();
    bed.agent.active = ["one"];
    bed.agentConnects();
    await bed.settle();
    expect(bed.agent.active).toEqual(["two"]);
    bed.cut();
    bed.agent.active = ["three"];
    await bed.pass(3000);
    expect(bed.agent.active).toEqual(["two"]);
    bed.agent.print("two", "hello");
    await bed.settle();
    expect(observed.shown.get("two")).toMatch(/hello$/);
  });

  test("that are gone in the meantime are reported as ended, and others are shown", async () => {
    observed.session.show(["two"]);
    await bed.settle();
    bed.cut();
    bed.agent.terminals.delete("two");
    bed.agent.active = ["three"];
    await bed.pass(3000);
    expect(observed.ended).toEqual(["two"]);
    expect(names()).toEqual(["one", "three"]);
    expect(bed.agent.active).toEqual(["three"]);
  });

  test("of the machine before are all reported as ended", async () => {
    observed.session.resize("one", 90, 20);
    await observed.session.pair(bed.newLink());
    expect(observed.ended).toEqual(["one", "two", "three"]);
    bed.agent.terminals.clear();
    bed.agent.received.length = 0;
    await bed.settle();
    expect(bed.agent.received.map(([type]) => type)).not.toContain("terminal:resize");
  });

  test("whose shell ended stay while they are kept, say how it ended, and take no input", async () => {
    bed.agent.send("process:exited", { uuid: "one", exited: { status: 3 }, kept: true });
    bed.agent.send("process:exited", { uuid: "two", exited: { signal: "SIGKILL" }, kept: true });
    await bed.settle();
    expect(observed.session.tabs.map(({ exit }) => exit)).toEqual(["exited with status 3", "was killed by SIGKILL", null]);
    expect(observed.ended).toEqual([]);
    bed.agent.received.length = 0;
    expect(observed.session.input("one", "ls\r")).toBe(true);
    await bed.settle();
    expect(bed.agent.received.map(([type]) => type)).not.toContain("terminal:input");
    observed.session.terminate("one");
    await bed.settle();
    expect(names()).toEqual(["two", "three"]);
  });

  test("with an invalid exit are gone, or have plain words for it", async () => {
    bed.agent.send("process:exited", { uuid: "one", exited: { signal: "\n<b>" }, kept: true });
    bed.agent.send("process:exited", { uuid: "two", exited: "no", kept: true });
    await bed.settle();
    expect(observed.session.tabs.map(({ uuid, exit }) => [uuid, exit])).toEqual([["one", "ended"], ["three", null]]);
  });

  test("whose shell ends are gone", async () => {
    bed.agent.terminals.delete("one");
    bed.agent.send("process:exited", { uuid: "one" });
    await bed.settle();
    expect(names()).toEqual(["two", "three"]);
    expect(observed.ended).toEqual(["one"]);
  });

  test("have the size that they were given, after each sync too", async () => {
    observed.session.resize("one", 90, 20);
    await bed.settle();
    expect(bed.agent.terminals.get("one")!.size).toEqual([90, 20]);
    bed.agent.terminals.get("one")!.size = [80, 24];
    bed.cut();
    await bed.pass(3000);
    expect(bed.agent.terminals.get("one")!.size).toEqual([90, 20]);
  });
});

describe("unseen output", () => {
  test("marks a hidden tab, until it is shown", async () => {
    bed.agent.print("one", "seen");
    bed.agent.print("two", "not seen");
    await bed.settle();
    expect(unseen()).toEqual(["two"]);
    expect(observed.shown.has("two")).toBe(false);
    observed.session.show(["two"]);
    await bed.settle();
    expect(unseen()).toEqual([]);
    expect(observed.shown.get("two")).toContain("not seen");
  });

  test("is found by its offset after a connection was lost", async () => {
    bed.agent.print("one", "1");
    observed.session.show(["one", "two"]);
    await bed.settle();
    bed.agent.print("two", "2");
    await bed.settle();
    observed.session.show(["one"]);
    await bed.settle();
    bed.cut();
    bed.agent.terminals.get("two")!.printed += "while away";
    await bed.pass(3000);
    expect(unseen()).toEqual(["two"]);
  });

  test("is reported to the views once", async () => {
    let steps = 0;
    observed.session.on("tabs", () => (steps += 1));
    for (let count = 0; count < 10; count += 1) bed.agent.print("two", "x");
    await bed.settle();
    expect(steps).toBe(1);
  });
});

describe("a message of the machine", () => {
  test("about a failure is reported to the person", async () => {
    bed.agent.send("process:error", { uuid: "one", error: "no more terminals" });
    await bed.settle();
    expect(observed.troubles).toEqual(["no more terminals"]);
  });

  test("of the assistant is passed on", async () => {
    observed.session.prompt("list files", "one");
    await bed.settle();
    expect(observed.assistant).toEqual([{ type: "started", uuid: "one", conversation: 1, prompt: "list files" }]);
    observed.session.approve("a", true);
    observed.session.cancel();
    await bed.settle();
    expect(bed.agent.received.slice(-2).map(([type, payload]) => [type, payload])).toEqual([["ai:approve", { id: "a", ok: true }], ["ai:cancel", {}]]);
  });

  test("about its health answers all requests", async () => {
    const asked = [observed.session.health(), observed.session.health()];
    await bed.settle();
    const [one, other] = await Promise.all(asked);
    expect(one).toMatchObject({ version: "1", terminals: 3 });
    expect(other).toBe(one);
  });

  test("that does not come is reported after some seconds", async () => {
    bed.intercept = () => null;
    const asked = expect(observed.session.health()).rejects.toThrow(/did not answer/);
    await bed.pass(7000);
    await asked;
  });

  test.each([null, "text", 7, [], {}])("%j instead of an object does no harm", async (payload) => {
    const events = ["processes:sync", "process:created", "process:renamed", "process:screen", "terminal:output", "process:printed", "webrtc:offer", "webrtc:ice-candidate", "system:echo", "process:error"];
    for (const event of events) {
      bed.agent.send(event, payload as never);
      await bed.pass(1000);
    }
    await bed.pass(30_000);
    expect(observed.stage).toBe("ready");
    bed.agent.print("one", "fine");
    await bed.settle();
    expect(observed.shown.get("one")).toMatch(/fine/);
  });
});

describe("without a connection", () => {
  beforeEach(() => {
    bed.relayIsUp = false;
    bed.cut();
  });

  test("a request is reported as failed, and not sent later", async () => {
    observed.session.create(80, 24);
    observed.session.rename("one", "two");
    observed.session.terminate("one");
    observed.session.prompt("x", "one");
    expect(observed.troubles).toHaveLength(4);
    bed.relayIsUp = true;
    await bed.pass(20_000);
    expect(observed.stage).toBe("ready");
    expect(names()).toEqual(["one", "two", "three"]);
  });

  test("the machine's health can't be requested", async () => {
    await expect(observed.session.health()).rejects.toThrow(/not connected/);
  });

  test("the choice of a tab is kept until there is one", async () => {
    observed.session.show(["three"]);
    bed.relayIsUp = true;
    await bed.pass(20_000);
    expect(bed.agent.active).toEqual(["three"]);
  });
});

test("a listener that throws does not stop the others", async () => {
  const failed: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (call: () => void) => failed.push(call));
  observed.session.on("output", () => {
    throw new Error("a view's mistake");
  });
  const heard: string[] = [];
  const stop = observed.session.on("output", ({ data }) => heard.push(data));
  bed.agent.print("one", "a");
  await bed.settle();
  stop();
  bed.agent.print("one", "b");
  await bed.settle();
  vi.unstubAllGlobals();
  expect(heard).toEqual(["a"]);
  expect(observed.stage).toBe("ready");
  expect(failed).toHaveLength(2);
  expect(failed[0]).toThrow("a view's mistake");
});
