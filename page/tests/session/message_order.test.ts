import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let bed: TestBed;
let observed: ObservedSession;

beforeEach(() => {
  bed = new TestBed();
  observed = new ObservedSession(bed);
  observed.session.open();
});

afterEach(() => observed.session.close());

/** Linked, with one terminal that is shown, by the data channel. */
async function onChannel(): Promise<string> {
  await observed.session.pair(bed.newLink());
  await bed.settle();
  const uuid = observed.session.create(80, 24);
  await bed.settle();
  await bed.openChannel();
  expect(observed.session.connection.path).toBe("channel");
  return uuid;
}

describe("the messages of a session", () => {
  test("are numbered from 1 on, whichever path they take", async () => {
    const uuid = await onChannel();
    observed.session.input(uuid, "a");
    await bed.settle();
    expect(bed.agent.received.map(([, , way]) => way)).toContain("relay");
    expect(bed.agent.numbers.length).toBeGreaterThan(3);
    expect(bed.agent.numbers).toEqual(bed.agent.numbers.map((_, index) => index + 1));
  });

  test("have no numbers with a machine that does not support them", async () => {
    bed.agent.features = ["ack", "resume", "e2e"];
    const uuid = await onChannel();
    observed.session.input(uuid, "a");
    await bed.settle();
    expect(new Set(bed.agent.numbers)).toEqual(new Set([undefined]));
    expect(bed.agent.terminals.get(uuid)!.typed).toBe("a");
  });

  test("are shown in their order when the relay is only slow", async () => {
    await onChannel();
    const deliver = bed.agent.later("process:error", { uuid: "", error: "first" });
    bed.agent.send("process:error", { uuid: "", error: "second" });
    await bed.pass(2000);
    expect(observed.troubles).toEqual([]);
    deliver();
    await bed.settle();
    expect(observed.troubles).toEqual(["first", "second"]);
    expect(observed.session.connection.path).toBe("channel");
  });

  test("that the relay holds back end the session, and are not shown when they arrive", async () => {
    await onChannel();
    const deliver = bed.agent.later("process:error", { uuid: "", error: "first" });
    bed.agent.send("process:error", { uuid: "", error: "second" });
    await bed.pass(5001);
    expect(observed.problems.some((problem) => problem.includes("delayed or dropped messages"))).toBe(true);
    deliver();
    await bed.settle();
    expect(observed.troubles).toEqual([]);
    await bed.pass(5000);
    expect(observed.stage).toBe("ready"); // it has come again
  });

  test("that are missing on the channel are lost with it", async () => {
    const uuid = await onChannel();
    const channel = bed.agent.channel;
    bed.agent.channel = { send: () => undefined }; // lost on the way
    bed.agent.send("process:error", { uuid: "", error: "lost" });
    bed.agent.channel = null;
    bed.agent.send("process:error", { uuid: "", error: "by relay" });
    bed.agent.channel = channel;
    await bed.pass(2001);
    expect(observed.troubles).toEqual(["by relay"]);
    expect(observed.session.connection.path).toBe("relay");
    observed.session.input(uuid, "b");
    await bed.settle();
    expect(bed.agent.terminals.get(uuid)!.typed).toBe("b");
  });

  test("that an earlier channel lost are not waited for on the next one", async () => {
    await onChannel();
    bed.agent.channel = { send: () => undefined }; // lost on the way
    bed.agent.send("process:error", { uuid: "", error: "lost" });
    bed.agent.channel = null;
    bed.agent.offer();
    await bed.settle();
    await bed.openChannel();
    bed.agent.send("process:error", { uuid: "", error: "by the next channel" });
    await bed.settle();
    expect(observed.troubles).toEqual(["by the next channel"]);
    await bed.pass(6000);
    expect(observed.session.connection.path).toBe("channel");
  });

  test("that a channel has lost are not waited for once there is none", async () => {
    await onChannel();
    bed.agent.channel = { send: () => undefined }; // lost on the way
    bed.agent.send("process:error", { uuid: "", error: "lost" });
    await bed.loseChannel();
    bed.agent.send("process:error", { uuid: "", error: "by relay" });
    await bed.settle();
    expect(observed.troubles).toEqual(["by relay"]);
  });
});
