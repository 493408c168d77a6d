/** The connection's stage, from what is known of it. */

import { describe, expect, test } from "vitest";

import { type ConnectionFacts, connectionStage, WAITS_FOR } from "../../src/session/connection_stage";

const FACTS: ConnectionFacts = { hasMachine: true, path: null, isRefused: false, progress: "offline" };

describe("the stage of a connection", () => {
  test.each<[string, Partial<ConnectionFacts>]>([
    ["unpaired", { hasMachine: false, path: "relay" }],
    ["ready", { path: "channel", progress: "offline" }],
    ["ready", { path: "relay", progress: "ready" }],
    ["refused", { isRefused: true, progress: "waiting" }],
    ["offline", {}],
    ["signing-in", { progress: "signing-in" }],
    ["waiting", { progress: "waiting" }],
    ["securing", { progress: "securing" }],
    ["waiting", { progress: "ready" }],
  ])("is %s with %j", (stage, facts) => expect(connectionStage({ ...FACTS, ...facts })).toBe(stage));

  test("names what it waits for, unless it waits for nothing", () => {
    const silent = Object.entries(WAITS_FOR).filter(([, words]) => words === null).map(([stage]) => stage);
    expect(silent).toEqual(["ready", "refused"]);
  });
});
