import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

let world: TestBed;
let watched: ObservedSession;
let asked: number;

/** A page of the same browser, whose view makes a terminal when it is asked to. */
function page(): ObservedSession {
  const made = new ObservedSession(world);
  made.session.on("firstContact", () => {
    asked += 1;
    made.session.create(80, 24);
  });
  return made;
}

async function reload(): Promise<void> {
  watched.session.close();
  await world.settle();
  watched = page();
  watched.session.open();
  await world.pass(3000);
}

beforeEach(() => {
  world = new TestBed();
  asked = 0;
  watched = page();
  watched.session.open();
});

afterEach(() => watched.session.close());

describe("the first contact after a link", () => {
  test("makes a terminal where there is none", async () => {
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(watched.session.tabs).toHaveLength(1);
  });

  test("makes none where terminals are open", async () => {
    world.agent.make("open already");
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(asked).toBe(0);
  });

  test("makes one where all that there is has ended", async () => {
    world.agent.make("ended").exited = { status: 3 };
    await watched.session.pair(world.newLink());
    await world.settle();
    expect(asked).toBe(1);
  });

  test("makes one, although the list comes by both paths before it is made", async () => {
    world.bend = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" && asked > 0 ? null : payload);
    await watched.session.pair(world.newLink());
    await world.settle();
    await world.openChannel();
    expect(asked).toBe(1);
  });

  test("is over once a terminal was seen: who has closed the last one gets none by coming back", async () => {
    await watched.session.pair(world.newLink());
    await world.settle();
    watched.session.terminate(watched.session.tabs[0]!.uuid);
    await world.settle();
    await reload();
    world.cut();
    await world.pass(30_000);
    expect(watched.stage).toBe("ready");
    expect(watched.session.tabs).toEqual([]);
    expect(asked).toBe(1);
  });

  test("goes on after a reload when no terminal could be made", async () => {
    world.bend = (direction, event, payload) => (direction === "up" && event === "e2e:sealed" && asked > 0 ? null : payload);
    await watched.session.pair(world.newLink());
    await world.settle();
    world.bend = (_direction, _event, payload) => payload;
    await reload();
    expect(watched.session.tabs).toHaveLength(1);
  });
});
