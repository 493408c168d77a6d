import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { readCombinations } from "../../src/session/combination_list";
import { ObservedSession, TestBed } from "../support/test_bed";

const combo = (id: string, sequence = "ls<Enter>") => ({ id, label: id, sequence });

let bed: TestBed;
let observed: ObservedSession;

beforeEach(() => {
  bed = new TestBed();
  observed = new ObservedSession(bed);
});
afterEach(() => observed.session.close());

async function linked(): Promise<void> {
  observed.session.open();
  await observed.session.pair(bed.newLink());
  await bed.settle();
}

async function later(change: () => void = () => undefined): Promise<void> {
  observed.session.close();
  await bed.settle();
  change();
  observed = new ObservedSession(bed);
  observed.session.open();
  await bed.pass(3000);
}

const list = () => observed.session.ownKeys.list;

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
    bed.agent.combinations = [combo("a")];
    await linked();
    expect(observed.session.ownKeys).toEqual({ list: [combo("a")], isSettled: true });
  });

  test("go to the agent sealed, and to nobody else", async () => {
    await linked();
    observed.session.putOwnKeys([combo("a", "a-secret<Enter>")]);
    await bed.settle();
    expect(bed.agent.combinations).toEqual([combo("a", "a-secret<Enter>")]);
    expect(JSON.stringify(bed.traffic)).not.toContain("a-secret");
    expect(bed.saved).toEqual([]);
  });

  test("are not taken in clear", async () => {
    await linked();
    bed.sendFromRelay("keys:state", { combinations: [combo("forged")] });
    await bed.settle();
    expect(list()).toBeNull();
  });

  test("that were changed without a connection are newer than the agent's", async () => {
    bed.agent.combinations = [combo("a")];
    await linked();
    bed.relayIsUp = false;
    bed.cut();
    await bed.settle();
    observed.session.putOwnKeys([combo("b")]);
    await later(() => (bed.relayIsUp = true));
    expect(list()).toEqual([combo("b")]);
    expect(bed.agent.combinations).toEqual([combo("b")]);
    bed.agent.combinations = [combo("c")]; // by another phone
    await later();
    expect(list()).toEqual([combo("c")]);
  });

  test("that were changed while the agent answers are kept", async () => {
    await linked();
    observed.session.putOwnKeys([combo("a")]);
    observed.session.putOwnKeys([combo("a"), combo("b")]);
    await bed.settle();
    expect(list()).toEqual([combo("a"), combo("b")]);
    expect(bed.agent.combinations).toEqual(list());
  });

  test("stay in the browser where the agent keeps none, and go to it when it can", async () => {
    bed.agent.features = ["ack", "resume", "e2e", "unseen"];
    await linked();
    expect(observed.session.ownKeys.isSettled).toBe(true);
    observed.session.putOwnKeys([combo("a")]);
    await later();
    expect(list()).toEqual([combo("a")]);
    expect(bed.agent.received.some(([type]) => type.startsWith("keys:"))).toBe(false);
    await later(() => (bed.agent.features = ["ack", "resume", "e2e", "unseen", "keys"]));
    expect(bed.agent.combinations).toEqual([combo("a")]);
  });

  test("that the agent does not take are kept here, and not sent again and again", async () => {
    bed.agent.takesKeys = false;
    await linked();
    observed.session.putOwnKeys([combo("a")]);
    await bed.pass(60_000);
    expect(list()).toEqual([combo("a")]);
    expect(bed.agent.received.filter(([type]) => type === "keys:set")).toHaveLength(1);
  });

  test.each([[[combo("a"), null]], ["text"], [Array.from({ length: 100 }, (_, index) => combo(`c${index}`))]])("%j of an agent changes nothing", async (found) => {
    await linked();
    observed.session.putOwnKeys([combo("mine")]);
    await bed.settle();
    bed.agent.send("keys:state", { combinations: found });
    await bed.settle();
    expect(list()).toEqual([combo("mine")]);
  });

  test("go with the machine that is forgotten", async () => {
    await linked();
    observed.session.putOwnKeys([combo("a")]);
    observed.session.forget();
    expect(list()).toBeNull();
  });
});
