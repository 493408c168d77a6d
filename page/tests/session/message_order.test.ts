import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let world: TestBed;
let watched: ObservedSession;

beforeEach(() => {
  world = new TestBed();
  watched = new ObservedSession(world);
  watched.session.open();
});

afterEach(() => watched.session.close());

/** Linked, with one terminal that is shown, by the data channel. */
async function onChannel(): Promise<string> {
  await watched.session.pair(world.newLink());
  await world.settle();
  const uuid = watched.session.create(80, 24);
  await world.settle();
  await world.openChannel();
  expect(watched.session.connection.path).toBe("channel");
  return uuid;
}

describe("the messages of a session", () => {
  test("are numbered from 1 on, whichever path they take", async () => {
    const uuid = await onChannel();
    watched.session.input(uuid, "a");
    await world.settle();
    expect(world.agent.heard.map(([, , way]) => way)).toContain("relay");
    expect(world.agent.numbers.length).toBeGreaterThan(3);
    expect(world.agent.numbers).toEqual(world.agent.numbers.map((_, index) => index + 1));
  });

  test("have no numbers with a machine that does not know of them", async () => {
    world.agent.features = ["ack", "resume", "e2e"];
    const uuid = await onChannel();
    watched.session.input(uuid, "a");
    await world.settle();
    expect(new Set(world.agent.numbers)).toEqual(new Set([undefined]));
    expect(world.agent.terminals.get(uuid)!.typed).toBe("a");
  });

  test("are shown in their order when the relay is only slow", async () => {
    await onChannel();
    const deliver = world.agent.later("process:error", { uuid: "", error: "first" });
    world.agent.say("process:error", { uuid: "", error: "second" });
    await world.pass(2000);
    expect(watched.troubles).toEqual([]);
    deliver();
    await world.settle();
    expect(watched.troubles).toEqual(["first", "second"]);
    expect(watched.session.connection.path).toBe("channel");
  });

  test("that the relay holds back end the session, and are not shown when they come", async () => {
    await onChannel();
    const deliver = world.agent.later("process:error", { uuid: "", error: "first" });
    world.agent.say("process:error", { uuid: "", error: "second" });
    await world.pass(5001);
    expect(watched.problems.some((problem) => problem.includes("held messages back"))).toBe(true);
    deliver();
    await world.settle();
    expect(watched.troubles).toEqual([]);
    await world.pass(5000);
    expect(watched.stage).toBe("ready"); // it has come again
  });

  test("that are missing on the channel are lost with it", async () => {
    const uuid = await onChannel();
    const channel = world.agent.channel;
    world.agent.channel = { send: () => undefined }; // lost on the way
    world.agent.say("process:error", { uuid: "", error: "lost" });
    world.agent.channel = null;
    world.agent.say("process:error", { uuid: "", error: "by relay" });
    world.agent.channel = channel;
    await world.pass(2001);
    expect(watched.troubles).toEqual(["by relay"]);
    expect(watched.session.connection.path).toBe("relay");
    watched.session.input(uuid, "b");
    await world.settle();
    expect(world.agent.terminals.get(uuid)!.typed).toBe("b");
  });

  test("that an earlier channel lost are not waited for on the next one", async () => {
    await onChannel();
    world.agent.channel = { send: () => undefined }; // lost on the way
    world.agent.say("process:error", { uuid: "", error: "lost" });
    world.agent.channel = null;
    world.agent.offer();
    await world.settle();
    await world.openChannel();
    world.agent.say("process:error", { uuid: "", error: "by the next channel" });
    await world.settle();
    expect(watched.troubles).toEqual(["by the next channel"]);
    await world.pass(6000);
    expect(watched.session.connection.path).toBe("channel");
  });

  test("that a channel has lost are not waited for once there is none", async () => {
    await onChannel();
    world.agent.channel = { send: () => undefined }; // lost on the way
    world.agent.say("process:error", { uuid: "", error: "lost" });
    await world.loseChannel();
    world.agent.say("process:error", { uuid: "", error: "by relay" });
    await world.settle();
    expect(watched.troubles).toEqual(["by relay"]);
  });
});
