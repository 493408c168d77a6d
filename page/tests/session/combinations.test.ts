import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { readCombinations } from "../../src/session/combination_list";
import { ObservedSession, TestBed } from "../support/test_bed";

const combo = (id: string, sequence = "ls<Enter>") => ({ id, label: id, sequence });

let world: TestBed;
let watched: ObservedSession;

beforeEach(() => {
  world = new TestBed();
  watched = new ObservedSession(world);
});
afterEach(() => watched.session.close());

async function linked(): Promise<void> {
  watched.session.open();
  await watched.session.pair(world.newLink());
  await world.settle();
}

async function later(change: () => void = () => undefined): Promise<void> {
  watched.session.close();
  await world.settle();
  change();
  watched = new ObservedSession(world);
  watched.session.open();
  await world.pass(3000);
}

const list = () => watched.session.ownKeys.list;

describe("a list of combinations", () => {
  test("is taken whole", () => expect(readCombinations([combo("a"), combo("b")])).toEqual([combo("a"), combo("b")]));

  test.each([
    ["no list", {}], ["nothing", null], ["too many", Array.from({ length: 41 }, (_, index) => combo(`c${index}`))], ["the same id twice", [combo("a"), combo("a")]],
    ["an id with a space", [combo("a b")]], ["no label", [{ ...combo("a"), label: "" }]], ["a long label", [{ ...combo("a"), label: "x".repeat(15) }]],
    ["nothing to type", [combo("a", "")]], ["too much to type", [combo("a", "x".repeat(501))]], ["a control character", [combo("a", "ls\r")]],
    ["letters that are turned round", [combo("a", "\u202els")]], ["too much together", Array.from({ length: 40 }, (_, index) => combo(`c${index}`, "漢".repeat(500)))], ["half a character", [combo("a", "\ud800")]], ["a number", [{ ...combo("a"), sequence: 7 }]],
    ["one that is none", [combo("a"), null]],
  ])("with %s is none", (_, found) => expect(readCombinations(found)).toBeNull());
});

describe("own keys", () => {
  test("are those that the agent keeps", async () => {
    world.agent.combinations = [combo("a")];
    await linked();
    expect(watched.session.ownKeys).toEqual({ list: [combo("a")], isSettled: true });
  });

  test("go to the agent sealed, and to nobody else", async () => {
    await linked();
    watched.session.putOwnKeys([combo("a", "a-secret<Enter>")]);
    await world.settle();
    expect(world.agent.combinations).toEqual([combo("a", "a-secret<Enter>")]);
    expect(JSON.stringify(world.wire)).not.toContain("a-secret");
    expect(world.saved).toEqual([]);
  });

  test("are not taken in clear", async () => {
    await linked();
    world.say("keys:state", { combinations: [combo("forged")] });
    await world.settle();
    expect(list()).toBeNull();
  });

  test("that were changed without a connection are newer than the agent's", async () => {
    world.agent.combinations = [combo("a")];
    await linked();
    world.relayIsUp = false;
    world.cut();
    await world.settle();
    watched.session.putOwnKeys([combo("b")]);
    await later(() => (world.relayIsUp = true));
    expect(list()).toEqual([combo("b")]);
    expect(world.agent.combinations).toEqual([combo("b")]);
    world.agent.combinations = [combo("c")]; // by another phone
    await later();
    expect(list()).toEqual([combo("c")]);
  });

  test("that were changed while the agent answers are kept", async () => {
    await linked();
    watched.session.putOwnKeys([combo("a")]);
    watched.session.putOwnKeys([combo("a"), combo("b")]);
    await world.settle();
    expect(list()).toEqual([combo("a"), combo("b")]);
    expect(world.agent.combinations).toEqual(list());
  });

  test("stay in the browser where the agent keeps none, and go to it when it can", async () => {
    world.agent.features = ["ack", "resume", "e2e", "unseen"];
    await linked();
    expect(watched.session.ownKeys.isSettled).toBe(true);
    watched.session.putOwnKeys([combo("a")]);
    await later();
    expect(list()).toEqual([combo("a")]);
    expect(world.agent.heard.some(([type]) => type.startsWith("keys:"))).toBe(false);
    await later(() => (world.agent.features = ["ack", "resume", "e2e", "unseen", "keys"]));
    expect(world.agent.combinations).toEqual([combo("a")]);
  });

  test("that the agent does not take are kept here, and not sent again and again", async () => {
    world.agent.takesKeys = false;
    await linked();
    watched.session.putOwnKeys([combo("a")]);
    await world.pass(60_000);
    expect(list()).toEqual([combo("a")]);
    expect(world.agent.heard.filter(([type]) => type === "keys:set")).toHaveLength(1);
  });

  test.each([[[combo("a"), null]], ["text"], [Array.from({ length: 100 }, (_, index) => combo(`c${index}`))]])("%j of an agent changes nothing", async (found) => {
    await linked();
    watched.session.putOwnKeys([combo("mine")]);
    await world.settle();
    world.agent.say("keys:state", { combinations: found });
    await world.settle();
    expect(list()).toEqual([combo("mine")]);
  });

  test("go with the machine that is forgotten", async () => {
    await linked();
    watched.session.putOwnKeys([combo("a")]);
    watched.session.forget();
    expect(list()).toBeNull();
  });
});
