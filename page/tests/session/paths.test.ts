import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let bed: TestBed;
let observed: ObservedSession;

beforeEach(async () => {
  bed = new TestBed();
  observed = new ObservedSession(bed);
  observed.session.open();
});

afterEach(() => observed.session.close());

async function linked(): Promise<void> {
  await observed.session.pair(bed.newLink());
  await bed.settle();
  expect(observed.stage).toBe("ready");
}

/** Linked, with one terminal that is shown, and whose shell has said hello. */
async function withTerminal(): Promise<string> {
  await linked();
  const uuid = observed.session.create(80, 24);
  await bed.settle();
  bed.agent.print(uuid, "$ ");
  await bed.settle();
  expect(observed.session.tabs).toHaveLength(1);
  expect(observed.shown.get(uuid)).toBe("$ ");
  return uuid;
}

const flood = (lines: number): string => Array.from({ length: lines }, (_, number) => `line ${number}\n`).join("");
const acknowledged = (uuid: string): number => bed.agent.terminals.get(uuid)!.acknowledged;

describe("the data channel", () => {
  test("is answered in an encrypted message, and used once it is open", async () => {
    await linked();
    expect(bed.traffic.some(([, event]) => event.startsWith("webrtc:"))).toBe(false);
    expect(bed.agent.received).toContainEqual(["webrtc:answer", { answer: { type: "answer", sdp: "the phone's answer" } }, "relay"]);
    await bed.openChannel();
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "channel" });
    observed.session.create(80, 24);
    await bed.settle();
    expect(bed.agent.received.at(-1)?.[2]).toBe("channel");
  });

  test("carries nothing before the machine's first message: a browser may drop that", async () => {
    await linked();
    bed.peers.at(-1)!.open();
    await bed.settle();
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "relay" });
    observed.session.create(80, 24);
    await bed.settle();
    expect(bed.agent.received.at(-1)?.[2]).toBe("relay");
    await bed.openChannel();
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "channel" });
  });

  test("that does not gather in time is answered with the candidates so far", async () => {
    await linked();
    const offered = bed.agent.received.filter(([type]) => type === "webrtc:answer").length;
    bed.gathers = false;
    bed.agent.send("webrtc:offer", { offer: { type: "offer", sdp: "another" } });
    await bed.pass(2900);
    expect(bed.agent.received.filter(([type]) => type === "webrtc:answer")).toHaveLength(offered);
    await bed.pass(200);
    expect(bed.agent.received.filter(([type]) => type === "webrtc:answer")).toHaveLength(offered + 1);
  });

  test("takes candidates that come before or after the offer", async () => {
    await linked();
    bed.agent.send("webrtc:ice-candidate", { candidate: { candidate: "late", sdpMid: "0" } });
    bed.agent.send("webrtc:ice-candidate", { candidate: null });
    await bed.settle();
    expect(bed.peers[0]!.candidates).toEqual([{ candidate: "late", sdpMid: "0" }]);
  });

  test("is not needed when the browser has none", async () => {
    bed.hasPeers = false;
    const uuid = await withTerminal();
    bed.agent.print(uuid, "hello");
    await bed.settle();
    expect(observed.shown.get(uuid)).toBe("$ hello");
    expect(observed.session.connection.path).toBe("relay");
  });

  test("carries on when the relay is gone, and is no problem for the person", async () => {
    const uuid = await withTerminal();
    await bed.openChannel();
    bed.cut();
    await bed.pass(60_000);
    expect(observed.session.connection).toMatchObject({ stage: "ready", path: "channel", problem: null });
    expect(observed.session.input(uuid, "typed")).toBe(true);
    bed.agent.print(uuid, "printed");
    await bed.settle();
    expect(bed.agent.terminals.get(uuid)!.typed).toBe("typed");
    expect(observed.shown.get(uuid)).toBe("$ printed");
    expect(bed.connections).toBe(1);
  });

  test("that ends while the relay is gone reconnects to the relay immediately", async () => {
    await withTerminal();
    await bed.openChannel();
    bed.cut();
    await bed.settle();
    await bed.loseChannel();
    expect(observed.stage).toBe("ready");
    expect(observed.session.connection.path).toBe("relay");
    expect(bed.connections).toBe(2);
  });

  test("of a session that ended is closed, with its listeners", async () => {
    await withTerminal();
    await bed.openChannel();
    bed.cut();
    await bed.settle();
    await bed.loseChannel();
    expect(bed.peers[0]!).toMatchObject({ closed: true, ondatachannel: null, onconnectionstatechange: null, onicegatheringstatechange: null });
    observed.session.close();
    expect(bed.peers.every(({ closed }) => closed)).toBe(true);
  });

  test("ignores invalid messages", async () => {
    await linked();
    await bed.openChannel();
    for (const message of ["", "{", "null", "7", "[]", '{"type":7}', '{"type":"terminal:output"}', '{"type":"processes:sync","payload":{"processes":[]}}']) {
      bed.peers[0]!.receive(message);
    }
    await bed.settle();
    expect(observed.session.connection.path).toBe("channel");
  });
});

describe("output is shown once and completely", () => {
  test("during a flood", async () => {
    const uuid = await withTerminal();
    bed.agent.print(uuid, flood(20_000));
    await bed.settle();
    expect(observed.shown.get(uuid) === `$ ${flood(20_000)}`).toBe(true);
    expect(observed.outputs.filter(({ reset }) => reset)).toEqual([]);
  });

  test("and the machine waits until it is rendered", async () => {
    const uuid = await withTerminal();
    observed.renders = false;
    bed.agent.print(uuid, flood(20_000));
    await bed.settle();
    const held = observed.outputs.length;
    expect(observed.shown.get(uuid)!.length).toBeLessThan(bed.agent.window + 2000);
    expect(acknowledged(uuid)).toBeLessThan(10);
    observed.renders = true;
    for (const output of observed.outputs.slice(0, held)) output.rendered();
    await bed.settle();
    expect(observed.shown.get(uuid) === `$ ${flood(20_000)}`).toBe(true);
  });

  test("and is acknowledged in quarters of the window, not more often", async () => {
    const uuid = await withTerminal();
    bed.agent.print(uuid, "x".repeat(498));
    for (let count = 0; count < 15; count += 1) bed.agent.print(uuid, "x".repeat(500));
    await bed.settle();
    const acks = bed.agent.received.filter(([type]) => type === "terminal:ack").map(([, { end }]) => end);
    expect(acks).toEqual([2000, 4000, 6000, 8000]);
  });

  test("by the relay, the channel, and the relay again", async () => {
    const uuid = await withTerminal();
    bed.agent.print(uuid, "1");
    await bed.settle();
    await bed.openChannel();
    bed.agent.print(uuid, "2");
    await bed.settle();
    await bed.loseChannel();
    bed.agent.print(uuid, "3");
    await bed.settle();
    expect(observed.shown.get(uuid)).toBe("$ 123");
    expect(observed.outputs.some(({ reset }) => reset)).toBe(false);
  });

  test.each([3, 17, 30])("when the connection breaks in the middle of a flood, after %i messages", async (messages) => {
    const uuid = await withTerminal();
    let left = messages;
    bed.intercept = (direction, event, payload) => {
      if (direction === "down" && event === "e2e:sealed" && left > 0) left -= 1;
      return left === 0 ? null : payload;
    };
    bed.agent.print(uuid, flood(4000));
    await bed.settle();
    expect(observed.shown.get(uuid)!.length).toBeLessThan(flood(4000).length);
    bed.cut();
    bed.intercept = (_direction, _event, payload) => payload;
    await bed.pass(3000);
    expect(observed.stage).toBe("ready");
    expect(observed.shown.get(uuid) === `$ ${flood(4000)}`).toBe(true);
    expect(observed.outputs.some(({ reset }) => reset)).toBe(false);
  });

  test("when one encrypted message is lost, which ends the session", async () => {
    const uuid = await withTerminal();
    let count = 0;
    bed.intercept = (direction, event, payload) => (direction === "down" && event === "e2e:sealed" && (count += 1) === 5 ? null : payload);
    bed.agent.print(uuid, flood(4000));
    await bed.pass(5000);
    expect(observed.problems).toEqual([expect.stringMatching(/changed, repeated or left out/)]);
    expect(observed.shown.get(uuid) === `$ ${flood(4000)}`).toBe(true);
    expect(observed.session.connection.problem).toBeNull();
  });

  test("and a dropped screen is sent again", async () => {
    const uuid = await withTerminal();
    bed.agent.print(uuid, "abc");
    await bed.settle();
    observed.session.dropScreen(uuid);
    await bed.settle();
    expect(observed.shown.get(uuid)).toBe("<$ abc>");
    expect(observed.outputs.at(-1)).toMatchObject({ reset: true, replayed: true });
  });

  test("after another shell replaced a terminal's, nothing of the old one is acknowledged", async () => {
    const uuid = await withTerminal();
    await bed.openChannel(); // from its list the stream's name is known
    observed.renders = false;
    bed.agent.print(uuid, "x".repeat(5000));
    await bed.settle();
    const late = [...observed.outputs];
    const terminal = bed.agent.terminals.get(uuid)!;
    Object.assign(terminal, { stream: "another", printed: "y".repeat(7000), sent: null, acknowledged: 0 });
    await bed.loseChannel();
    expect(observed.shown.get(uuid) === `<${"y".repeat(7000)}>`).toBe(true);
    bed.agent.received.length = 0;
    for (const output of late) output.rendered();
    await bed.settle();
    expect(bed.agent.received.filter(([type]) => type === "terminal:ack")).toEqual([]);
  });
});

describe("input", () => {
  test("that can't be sent is refused, and never arrives", async () => {
    const uuid = await withTerminal();
    bed.relayIsUp = false;
    bed.cut();
    expect(observed.session.input(uuid, "rm -rf /\r")).toBe(false);
    bed.relayIsUp = true;
    await bed.pass(20_000);
    expect(observed.stage).toBe("ready");
    expect(bed.agent.terminals.get(uuid)!.typed).toBe("");
    expect(observed.session.input(uuid, "ls\r")).toBe(true);
  });

  test("of a megabyte arrives completely, in messages that an agent accepts", async () => {
    const uuid = await withTerminal();
    const pasted = "漢🙂\u0000\"\\x".repeat(1_000_000 / 8);
    expect(observed.session.input(uuid, pasted)).toBe(true);
    await bed.settle();
    expect(bed.agent.terminals.get(uuid)!.typed).toBe(pasted);
    const longest = Math.max(...bed.traffic.filter(([, event]) => event === "e2e:sealed").map(([, , { data }]) => data.length));
    expect(longest).toBeLessThanOrEqual(87_380); // limits.MAX_SEALED
  });

  test("that consists of escaped characters fits, too", async () => {
    const uuid = await withTerminal();
    expect(observed.session.input(uuid, "\u0001".repeat(100_000))).toBe(true);
    await bed.openChannel();
    expect(observed.session.input(uuid, "\ud83d".repeat(100_000))).toBe(true);
    const frames = bed.agent.received.filter(([type]) => type === "terminal:input").map(([type, payload]) => JSON.stringify({ type, payload }).length);
    expect(Math.max(...frames)).toBeLessThanOrEqual(60_000); // limits.MAX_FRAME
  });

  test("a key alone is one message", async () => {
    const uuid = await withTerminal();
    bed.agent.received.length = 0;
    observed.session.input(uuid, "k");
    await bed.settle();
    expect(bed.agent.received).toEqual([["terminal:input", { uuid, data: "k" }, "relay"]]);
  });
});

describe("coming back", () => {
  test("is attempted soon, then with growing delays of at most 10 seconds, and never given up", async () => {
    await linked();
    bed.relayIsUp = false;
    bed.cut();
    const at: number[] = [];
    let before = bed.connections;
    for (let second = 0; second < 600; second += 0.1) {
      await bed.pass(100);
      if (bed.connections > before) at.push(second);
      before = bed.connections;
    }
    expect(at[0]).toBeLessThan(0.5);
    const waits = at.slice(1).map((one, index) => one - at[index]!);
    expect(Math.max(...waits)).toBeLessThan(10.2);
    expect(waits.at(-1)).toBeGreaterThan(4.9);
    expect(at.length).toBeLessThan(130);
    bed.relayIsUp = true;
    observed.session.wake();
    await bed.settle();
    expect(observed.stage).toBe("ready");
  });

  test("leaves no timer behind once it is closed", async () => {
    await withTerminal();
    observed.session.close();
    await bed.settle();
    expect(bed.clock.waiting).toBe(0);
    await bed.pass(60_000);
    expect(bed.connections).toBe(1);
  });

  test("another page of this browser takes over, and this one waits until it is visible", async () => {
    await linked();
    bed.cut("io server disconnect");
    await bed.pass(600_000);
    expect(bed.connections).toBe(1);
    expect(observed.session.connection).toMatchObject({ stage: "offline", problem: expect.stringMatching(/[Aa]nother page/) });
    observed.session.wake();
    await bed.settle();
    expect(observed.session.connection).toMatchObject({ stage: "ready", problem: null });
  });
});

describe("waking up", () => {
  test("on a dead relay reconnects within two seconds", async () => {
    await linked();
    bed.intercept = () => null;
    await bed.pass(100);
    observed.session.wake();
    await bed.pass(1400);
    expect(bed.connections).toBe(1);
    bed.intercept = (_direction, _event, payload) => payload;
    await bed.pass(200);
    expect(bed.connections).toBe(2);
    expect(observed.stage).toBe("ready");
  });

  test("on a dead channel uses the relay, and on two dead paths reconnects", async () => {
    const uuid = await withTerminal();
    await bed.openChannel();
    bed.agent.answersEchoes = false;
    observed.session.wake();
    await bed.pass(1600);
    expect(observed.session.connection.path).toBe("relay");
    await bed.pass(1600);
    bed.agent.answersEchoes = true;
    await bed.pass(1000);
    expect(bed.connections).toBe(2);
    expect(observed.stage).toBe("ready");
    bed.agent.print(uuid, "still here");
    await bed.settle();
    expect(observed.shown.get(uuid)).toBe("$ still here");
  });

  test("on a path that is alive changes nothing", async () => {
    await linked();
    const stages = observed.stages.length;
    for (let count = 0; count < 5; count += 1) {
      observed.session.wake();
      await bed.pass(300);
    }
    expect(observed.stages).toHaveLength(stages);
    expect(bed.connections).toBe(1);
  });

  test("while waiting for a machine on a silent relay reconnects", async () => {
    bed.agentIsThere = false;
    await observed.session.pair(bed.newLink());
    await bed.pass(60_000);
    observed.session.wake();
    await bed.settle();
    expect(bed.connections).toBe(2);
    expect(observed.stage).toBe("waiting");
  });

  test("while an attempt is under way does not start another one", async () => {
    bed.relayIsUp = false;
    await expect(observed.session.pair(bed.newLink())).rejects.toThrow();
    expect(bed.connections).toBe(0);
    bed.relayIsUp = true;
    await observed.session.pair(bed.newLink());
    observed.session.wake();
    observed.session.wake();
    await bed.settle();
    expect(bed.connections).toBe(1);
  });
});

describe("the heartbeat", () => {
  test("measures each 5 seconds while the page is seen", async () => {
    await linked();
    expect(observed.session.connection.latencyMs).toBe(0);
    const echoes = () => bed.agent.received.filter(([type]) => type === "system:echo").length;
    const before = echoes();
    await bed.pass(50_000);
    expect(echoes() - before).toBe(10);
    bed.visible = false;
    await bed.pass(50_000);
    expect(echoes() - before).toBe(10);
    bed.visible = true;
    await bed.pass(5000);
    expect(echoes() - before).toBe(11);
  });

  test("finds a path that died without a word", async () => {
    await linked();
    bed.agent.answersEchoes = false;
    await bed.pass(15_500);
    bed.agent.answersEchoes = true;
    expect(bed.connections).toBe(2);
    await bed.pass(1000);
    expect(observed.stage).toBe("ready");
  });
});
