import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let bed: TestBed;
let observed: ObservedSession;
let asked: number;

/** A page of the same browser, whose view makes a terminal when it is asked to. */
function page(): ObservedSession {
  const made = new ObservedSession(bed);
  made.session.on("firstContact", () => {
    asked += 1;
    made.session.create(80, 24);
  });
  return made;
}

async function reload(): Promise<void> {
  observed.session.close();
  await bed.settle();
  observed = page();
  observed.session.open();
  await bed.pass(3000);
}

beforeEach(() => {
  bed = new TestBed();
  asked = 0;
  observed = page();
  observed.session.open();
});

afterEach(() => observed.session.close());

describe("the first contact after a link", () => {
  test("makes a terminal when there is none", async () => {
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(observed.session.tabs).toHaveLength(1);
  });

  test("makes no terminal when some are open", async () => {
    bed.agent.make("open already");
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(asked).toBe(0);
  });

  test("makes a terminal when all others have ended", async () => {
    bed.agent.make("ended").exited = { status: 3 };
    await observed.session.pair(bed.newLink());
    await bed.settle();
    expect(asked).toBe(1);
  });

  test("makes one terminal, although the list comes by both paths before it is created", async () => {
    bed.intercept = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" && asked > 0 ? null : payload);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    await bed.openChannel();
    expect(asked).toBe(1);
  });

  test("is over once a terminal was seen: closing the last one and coming back makes none", async () => {
    await observed.session.pair(bed.newLink());
    await bed.settle();
    observed.session.terminate(observed.session.tabs[0]!.uuid);
    await bed.settle();
    await reload();
    bed.cut();
    await bed.pass(30_000);
    expect(observed.stage).toBe("ready");
    expect(observed.session.tabs).toEqual([]);
    expect(asked).toBe(1);
  });

  test("continues after a reload when no terminal could be created", async () => {
    bed.intercept = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" && asked > 0 ? null : payload);
    await observed.session.pair(bed.newLink());
    await bed.settle();
    bed.intercept = (_direction, _event, payload) => payload;
    await reload();
    expect(observed.session.tabs).toHaveLength(1);
  });
});
