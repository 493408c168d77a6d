import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let world: TestBed;
let watched: ObservedSession;

beforeEach(async () => {
  world = new TestBed();
  watched = new ObservedSession(world);
  watched.session.open();
});

afterEach(() => watched.session.close());

async function linked(): Promise<void> {
  await watched.session.pair(world.newLink());
  await world.settle();
  expect(watched.stage).toBe("ready");
}

/** Linked, with one terminal that is shown, and whose shell has said hello. */
async function withTerminal(): Promise<string> {
  await linked();
  const uuid = watched.session.create(80, 24);
  await world.settle();
  world.agent.print(uuid, "$ ");
  await world.settle();
  expect(watched.session.tabs).toHaveLength(1);
  expect(watched.shown.get(uuid)).toBe("$ ");
  return uuid;
}

const flood = (lines: number): string => Array.from({ length: lines }, (_, number) => `line ${number}\n`).join("");
const acknowledged = (uuid: string): number => world.agent.terminals.get(uuid)!.acknowledged;

describe("the data channel", () => {
  test("is answered sealed, and used once it is open", async () => {
    await linked();
    expect(world.wire.some(([, event]) => event.startsWith("webrtc:"))).toBe(false);
    expect(world.agent.heard).toContainEqual(["webrtc:answer", { answer: { type: "answer", sdp: "the phone's answer" } }, "relay"]);
    await world.openChannel();
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "channel" });
    watched.session.create(80, 24);
    await world.settle();
    expect(world.agent.heard.at(-1)?.[2]).toBe("channel");
  });

  test("carries nothing before the machine has spoken on it: a browser may drop that", async () => {
    await linked();
    world.peers.at(-1)!.open();
    await world.settle();
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "relay" });
    watched.session.create(80, 24);
    await world.settle();
    expect(world.agent.heard.at(-1)?.[2]).toBe("relay");
    await world.openChannel();
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "channel" });
  });

  test("that does not gather in time is answered with what there is", async () => {
    await linked();
    const offered = world.agent.heard.filter(([type]) => type === "webrtc:answer").length;
    world.gathers = false;
    world.agent.say("webrtc:offer", { offer: { type: "offer", sdp: "another" } });
    await world.pass(2900);
    expect(world.agent.heard.filter(([type]) => type === "webrtc:answer")).toHaveLength(offered);
    await world.pass(200);
    expect(world.agent.heard.filter(([type]) => type === "webrtc:answer")).toHaveLength(offered + 1);
  });

  test("takes candidates that come before or after the offer", async () => {
    await linked();
    world.agent.say("webrtc:ice-candidate", { candidate: { candidate: "late", sdpMid: "0" } });
    world.agent.say("webrtc:ice-candidate", { candidate: null });
    await world.settle();
    expect(world.peers[0]!.candidates).toEqual([{ candidate: "late", sdpMid: "0" }]);
  });

  test("is done without where the browser has none", async () => {
    world.hasPeers = false;
    const uuid = await withTerminal();
    world.agent.print(uuid, "hello");
    await world.settle();
    expect(watched.shown.get(uuid)).toBe("$ hello");
    expect(watched.session.connection.path).toBe("relay");
  });

  test("carries on when the relay is gone, and is no problem for the person", async () => {
    const uuid = await withTerminal();
    await world.openChannel();
    world.cut();
    await world.pass(60_000);
    expect(watched.session.connection).toMatchObject({ stage: "ready", path: "channel", problem: null });
    expect(watched.session.input(uuid, "typed")).toBe(true);
    world.agent.print(uuid, "printed");
    await world.settle();
    expect(world.agent.terminals.get(uuid)!.typed).toBe("typed");
    expect(watched.shown.get(uuid)).toBe("$ printed");
    expect(world.connections).toBe(1);
  });

  test("that ends while the relay is gone leads back by the relay at once", async () => {
    await withTerminal();
    await world.openChannel();
    world.cut();
    await world.settle();
    await world.loseChannel();
    expect(watched.stage).toBe("ready");
    expect(watched.session.connection.path).toBe("relay");
    expect(world.connections).toBe(2);
  });

  test("of a session that ended is closed, with its listeners", async () => {
    await withTerminal();
    await world.openChannel();
    world.cut();
    await world.settle();
    await world.loseChannel();
    expect(world.peers[0]!).toMatchObject({ closed: true, ondatachannel: null, onconnectionstatechange: null, onicegatheringstatechange: null });
    watched.session.close();
    expect(world.peers.every(({ closed }) => closed)).toBe(true);
  });

  test("takes no message that is none", async () => {
    await linked();
    await world.openChannel();
    for (const message of ["", "{", "null", "7", "[]", '{"type":7}', '{"type":"terminal:output"}', '{"type":"processes:sync","payload":{"processes":[]}}']) {
      world.peers[0]!.hear(message);
    }
    await world.settle();
    expect(watched.session.connection.path).toBe("channel");
  });
});

describe("what was printed is shown once and whole", () => {
  test("through a flood, without losing step", async () => {
    const uuid = await withTerminal();
    world.agent.print(uuid, flood(20_000));
    await world.settle();
    expect(watched.shown.get(uuid) === `$ ${flood(20_000)}`).toBe(true);
    expect(watched.outputs.filter(({ reset }) => reset)).toEqual([]);
  });

  test("and the machine waits for what is not rendered", async () => {
    const uuid = await withTerminal();
    watched.renders = false;
    world.agent.print(uuid, flood(20_000));
    await world.settle();
    const held = watched.outputs.length;
    expect(watched.shown.get(uuid)!.length).toBeLessThan(world.agent.window + 2000);
    expect(acknowledged(uuid)).toBeLessThan(10);
    watched.renders = true;
    for (const output of watched.outputs.slice(0, held)) output.rendered();
    await world.settle();
    expect(watched.shown.get(uuid) === `$ ${flood(20_000)}`).toBe(true);
  });

  test("and is acknowledged by quarters of the window, not more often", async () => {
    const uuid = await withTerminal();
    world.agent.print(uuid, "x".repeat(498));
    for (let count = 0; count < 15; count += 1) world.agent.print(uuid, "x".repeat(500));
    await world.settle();
    const acks = world.agent.heard.filter(([type]) => type === "terminal:ack").map(([, { end }]) => end);
    expect(acks).toEqual([2000, 4000, 6000, 8000]);
  });

  test("by the relay, the channel, and the relay again", async () => {
    const uuid = await withTerminal();
    world.agent.print(uuid, "1");
    await world.settle();
    await world.openChannel();
    world.agent.print(uuid, "2");
    await world.settle();
    await world.loseChannel();
    world.agent.print(uuid, "3");
    await world.settle();
    expect(watched.shown.get(uuid)).toBe("$ 123");
    expect(watched.outputs.some(({ reset }) => reset)).toBe(false);
  });

  test.each([3, 17, 30])("when the connection breaks in the middle of a flood, after %i messages", async (messages) => {
    const uuid = await withTerminal();
    let left = messages;
    world.bend = (direction, event, payload) => {
      if (direction === "down" && event === "e2e:sealed" && left > 0) left -= 1;
      return left === 0 ? null : payload;
    };
    world.agent.print(uuid, flood(4000));
    await world.settle();
    expect(watched.shown.get(uuid)!.length).toBeLessThan(flood(4000).length);
    world.cut();
    world.bend = (_direction, _event, payload) => payload;
    await world.pass(3000);
    expect(watched.stage).toBe("ready");
    expect(watched.shown.get(uuid) === `$ ${flood(4000)}`).toBe(true);
    expect(watched.outputs.some(({ reset }) => reset)).toBe(false);
  });

  test("when one sealed message is lost, which ends the session", async () => {
    const uuid = await withTerminal();
    let count = 0;
    world.bend = (direction, event, payload) => (direction === "down" && event === "e2e:sealed" && (count += 1) === 5 ? null : payload);
    world.agent.print(uuid, flood(4000));
    await world.pass(5000);
    expect(watched.problems).toEqual([expect.stringMatching(/changed, repeated or left out/)]);
    expect(watched.shown.get(uuid) === `$ ${flood(4000)}`).toBe(true);
    expect(watched.session.connection.problem).toBeNull();
  });

  test("and a dropped picture comes whole again", async () => {
    const uuid = await withTerminal();
    world.agent.print(uuid, "abc");
    await world.settle();
    watched.session.dropScreen(uuid);
    await world.settle();
    expect(watched.shown.get(uuid)).toBe("<$ abc>");
    expect(watched.outputs.at(-1)).toMatchObject({ reset: true, replayed: true });
  });

  test("after another shell took a terminal's place, nothing of the old one is acknowledged", async () => {
    const uuid = await withTerminal();
    await world.openChannel(); // from its list the stream's name is known
    watched.renders = false;
    world.agent.print(uuid, "x".repeat(5000));
    await world.settle();
    const late = [...watched.outputs];
    const terminal = world.agent.terminals.get(uuid)!;
    Object.assign(terminal, { stream: "another", printed: "y".repeat(7000), sent: null, acknowledged: 0 });
    await world.loseChannel();
    expect(watched.shown.get(uuid) === `<${"y".repeat(7000)}>`).toBe(true);
    world.agent.heard.length = 0;
    for (const output of late) output.rendered();
    await world.settle();
    expect(world.agent.heard.filter(([type]) => type === "terminal:ack")).toEqual([]);
  });
});

describe("input", () => {
  test("that can't be sent is refused, and never arrives", async () => {
    const uuid = await withTerminal();
    world.relayIsUp = false;
    world.cut();
    expect(watched.session.input(uuid, "rm -rf /\r")).toBe(false);
    world.relayIsUp = true;
    await world.pass(20_000);
    expect(watched.stage).toBe("ready");
    expect(world.agent.terminals.get(uuid)!.typed).toBe("");
    expect(watched.session.input(uuid, "ls\r")).toBe(true);
  });

  test("of a megabyte arrives whole, in pieces that an agent takes", async () => {
    const uuid = await withTerminal();
    const pasted = "漢🙂\u0000\"\\x".repeat(1_000_000 / 8);
    expect(watched.session.input(uuid, pasted)).toBe(true);
    await world.settle();
    expect(world.agent.terminals.get(uuid)!.typed).toBe(pasted);
    const longest = Math.max(...world.wire.filter(([, event]) => event === "e2e:sealed").map(([, , { data }]) => data.length));
    expect(longest).toBeLessThanOrEqual(87_380); // limits.MAX_SEALED
  });

  test("of nothing but what is escaped fits too", async () => {
    const uuid = await withTerminal();
    expect(watched.session.input(uuid, "\u0001".repeat(100_000))).toBe(true);
    await world.openChannel();
    expect(watched.session.input(uuid, "\ud83d".repeat(100_000))).toBe(true);
    const frames = world.agent.heard.filter(([type]) => type === "terminal:input").map(([type, payload]) => JSON.stringify({ type, payload }).length);
    expect(Math.max(...frames)).toBeLessThanOrEqual(60_000); // limits.MAX_FRAME
  });

  test("a key alone is one message", async () => {
    const uuid = await withTerminal();
    world.agent.heard.length = 0;
    watched.session.input(uuid, "k");
    await world.settle();
    expect(world.agent.heard).toEqual([["terminal:input", { uuid, data: "k" }, "relay"]]);
  });
});

describe("coming back", () => {
  test("is tried soon, then later each time, at most 10 seconds apart, and never given up", async () => {
    await linked();
    world.relayIsUp = false;
    world.cut();
    const at: number[] = [];
    let before = world.connections;
    for (let second = 0; second < 600; second += 0.1) {
      await world.pass(100);
      if (world.connections > before) at.push(second);
      before = world.connections;
    }
    expect(at[0]).toBeLessThan(0.5);
    const waits = at.slice(1).map((one, index) => one - at[index]!);
    expect(Math.max(...waits)).toBeLessThan(10.2);
    expect(waits.at(-1)).toBeGreaterThan(4.9);
    expect(at.length).toBeLessThan(130);
    world.relayIsUp = true;
    watched.session.wake();
    await world.settle();
    expect(watched.stage).toBe("ready");
  });

  test("waits for nothing that is left over once it is closed", async () => {
    await withTerminal();
    watched.session.close();
    await world.settle();
    expect(world.clock.waiting).toBe(0);
    await world.pass(60_000);
    expect(world.connections).toBe(1);
  });

  test("another page of this browser takes over, and this one waits until it is looked at", async () => {
    await linked();
    world.cut("io server disconnect");
    await world.pass(600_000);
    expect(world.connections).toBe(1);
    expect(watched.session.connection).toMatchObject({ stage: "offline", problem: expect.stringMatching(/[Aa]nother page/) });
    watched.session.wake();
    await world.settle();
    expect(watched.session.connection).toMatchObject({ stage: "ready", problem: null });
  });
});

describe("waking up", () => {
  test("on a relay that is dead connects anew within two seconds", async () => {
    await linked();
    world.bend = () => null;
    await world.pass(100);
    watched.session.wake();
    await world.pass(1400);
    expect(world.connections).toBe(1);
    world.bend = (_direction, _event, payload) => payload;
    await world.pass(200);
    expect(world.connections).toBe(2);
    expect(watched.stage).toBe("ready");
  });

  test("on a dead channel goes by the relay, and on both dead connects anew", async () => {
    const uuid = await withTerminal();
    await world.openChannel();
    world.agent.answersEchoes = false;
    watched.session.wake();
    await world.pass(1600);
    expect(watched.session.connection.path).toBe("relay");
    await world.pass(1600);
    world.agent.answersEchoes = true;
    await world.pass(1000);
    expect(world.connections).toBe(2);
    expect(watched.stage).toBe("ready");
    world.agent.print(uuid, "still here");
    await world.settle();
    expect(watched.shown.get(uuid)).toBe("$ still here");
  });

  test("on a path that is alive changes nothing", async () => {
    await linked();
    const stages = watched.stages.length;
    for (let count = 0; count < 5; count += 1) {
      watched.session.wake();
      await world.pass(300);
    }
    expect(watched.stages).toHaveLength(stages);
    expect(world.connections).toBe(1);
  });

  test("while waiting for a machine on a relay that is silent connects anew", async () => {
    world.agentIsThere = false;
    await watched.session.pair(world.newLink());
    await world.pass(60_000);
    watched.session.wake();
    await world.settle();
    expect(world.connections).toBe(2);
    expect(watched.stage).toBe("waiting");
  });

  test("while a connection is tried anyway tries it no faster", async () => {
    world.relayIsUp = false;
    await expect(watched.session.pair(world.newLink())).rejects.toThrow();
    expect(world.connections).toBe(0);
    world.relayIsUp = true;
    await watched.session.pair(world.newLink());
    watched.session.wake();
    watched.session.wake();
    await world.settle();
    expect(world.connections).toBe(1);
  });
});

describe("the pulse", () => {
  test("measures each 5 seconds while the page is seen", async () => {
    await linked();
    expect(watched.session.connection.latencyMs).toBe(0);
    const echoes = () => world.agent.heard.filter(([type]) => type === "system:echo").length;
    const before = echoes();
    await world.pass(50_000);
    expect(echoes() - before).toBe(10);
    world.visible = false;
    await world.pass(50_000);
    expect(echoes() - before).toBe(10);
    world.visible = true;
    await world.pass(5000);
    expect(echoes() - before).toBe(11);
  });

  test("finds a path that died without a word", async () => {
    await linked();
    world.agent.answersEchoes = false;
    await world.pass(15_500);
    world.agent.answersEchoes = true;
    expect(world.connections).toBe(2);
    await world.pass(1000);
    expect(watched.stage).toBe("ready");
  });
});
