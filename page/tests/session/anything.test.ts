/** Whatever happens between a page and its machine, in whatever order: in the end each shown terminal shows all that was printed, once. */

import { expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const TERMINALS = ["one", "two", "three"];

class Story {
  readonly world = new TestBed();
  watched = new ObservedSession(this.world);
  readonly #below: (below: number) => number;
  readonly told: string[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#below = this.world.mix = numbers(seed);
    for (const uuid of TERMINALS) this.world.agent.make(uuid);
    this.world.agent.active = ["one"];
  }

  async begin(): Promise<void> {
    this.watched.session.open();
    await this.watched.session.pair(this.world.newLink());
    await this.world.settle();
  }

  #print(): void {
    let data = "";
    for (let lines = this.#below(300); lines >= 0; lines -= 1) data += `${(this.#count += 1)};`;
    this.world.agent.print(TERMINALS[this.#below(3)]!, data);
  }

  readonly #events: Record<string, () => unknown> = {
    print: () => this.#print(),
    "print twice": () => [this.#print(), this.#print()],
    settle: () => this.world.settle(),
    pass: () => this.world.pass(this.#below(4000)),
    show: () => this.watched.session.show(TERMINALS.filter(() => this.#below(2) === 1)),
    cut: () => this.world.cut(),
    wake: () => this.watched.session.wake(),
    drop: () => {
      const uuid = TERMINALS[this.#below(3)]!;
      this.watched.shown.delete(uuid);
      this.watched.session.dropScreen(uuid);
    },
    lose: () => {
      let left = 1 + this.#below(3);
      this.world.bend = (_direction, event, payload) => (event === "e2e:sealed" && left > 0 && (left -= 1) === 0 ? null : payload);
    },
    "open the channel": async () => {
      await this.world.settle();
      this.#print();
      if (this.watched.session.connection.path === "relay" && this.world.peers.at(-1)?.channel.readyState === "connecting") await this.world.openChannel();
    },
    "lose the channel": async () => {
      await this.world.settle();
      if (this.world.agent.channel !== null) await this.world.loseChannel();
    },
    "restart the agent": async () => {
      await this.world.settle();
      this.world.agentLeaves();
      await this.world.pass(this.#below(2000));
      this.world.agentReturns();
    },
    "render later": () => {
      this.watched.renders = !this.watched.renders;
      for (const output of this.watched.renders ? this.watched.outputs.slice(-200) : []) output.rendered();
    },
  };

  async step(): Promise<void> {
    const names = Object.keys(this.#events);
    const name = names[this.#below(names.length)]!;
    this.told.push(name);
    await this.#events[name]!();
  }

  async end(): Promise<void> {
    this.world.bend = (_direction, _event, payload) => payload;
    this.watched.renders = true;
    for (const output of this.watched.outputs) output.rendered();
    await this.world.pass(40_000);
    this.watched.session.show(TERMINALS);
    await this.world.pass(40_000);
  }
}

const SEEDS = Array.from({ length: 15 }, (_, seed) => seed + 1);

test.each(SEEDS)("story %i", async (seed) => {
  const story = new Story(seed);
  await story.begin();
  for (let step = 0; step < 40; step += 1) await story.step();
  await story.end();
  const { world, watched, told } = story;
  expect(watched.stage, told.join(", ")).toBe("ready");
  for (const uuid of TERMINALS) {
    const shown = (watched.shown.get(uuid) ?? "").replace(/[<>]/g, "");
    expect(shown === world.agent.terminals.get(uuid)!.printed, `${uuid}: ${told.join(", ")}`).toBe(true);
  }
  expect(watched.session.tabs.filter(({ unseen }) => unseen)).toEqual([]);
  watched.session.close();
  await world.settle();
  expect(world.clock.waiting).toBe(0);
}, 60_000);
