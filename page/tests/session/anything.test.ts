/** Whatever happens, in any order: in the end each shown terminal shows all of its output, once. */

import { expect, test } from "vitest";

import { ObservedSession, TestBed } from "../support/test_bed";

/** Pseudo-random numbers, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const TERMINALS = ["one", "two", "three"];

class Story {
  readonly bed = new TestBed();
  observed = new ObservedSession(this.bed);
  readonly #below: (below: number) => number;
  readonly steps: string[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#below = this.bed.pickLane = numbers(seed);
    for (const uuid of TERMINALS) this.bed.agent.make(uuid);
    this.bed.agent.active = ["one"];
  }

  async begin(): Promise<void> {
    this.observed.session.open();
    await this.observed.session.pair(this.bed.newLink());
    await this.bed.settle();
  }

  #print(): void {
    let data = "";
    for (let lines = this.#below(300); lines >= 0; lines -= 1) data += `${(this.#count += 1)};`;
    this.bed.agent.print(TERMINALS[this.#below(3)]!, data);
  }

  readonly #events: Record<string, () => unknown> = {
    print: () => this.#print(),
    "print twice": () => [this.#print(), this.#print()],
    settle: () => this.bed.settle(),
    pass: () => this.bed.pass(this.#below(4000)),
    show: () => this.observed.session.show(TERMINALS.filter(() => this.#below(2) === 1)),
    cut: () => this.bed.cut(),
    wake: () => this.observed.session.wake(),
    drop: () => {
      const uuid = TERMINALS[this.#below(3)]!;
      this.observed.shown.delete(uuid);
      this.observed.session.dropScreen(uuid);
    },
    lose: () => {
      let left = 1 + this.#below(3);
      this.bed.intercept = (_direction, event, payload) => (event === "e2e:sealed" && left > 0 && (left -= 1) === 0 ? null : payload);
    },
    "open the channel": async () => {
      await this.bed.settle();
      this.#print();
      if (this.observed.session.connection.path === "relay" && this.bed.peers.at(-1)?.channel.readyState === "connecting") await this.bed.openChannel();
    },
    "lose the channel": async () => {
      await this.bed.settle();
      if (this.bed.agent.channel !== null) await this.bed.loseChannel();
    },
    "restart the agent": async () => {
      await this.bed.settle();
      this.bed.agentDisconnects();
      await this.bed.pass(this.#below(2000));
      this.bed.agentConnects();
    },
    "render later": () => {
      this.observed.renders = !this.observed.renders;
      for (const output of this.observed.renders ? this.observed.outputs.slice(-200) : []) output.rendered();
    },
  };

  async step(): Promise<void> {
    const names = Object.keys(this.#events);
    const name = names[this.#below(names.length)]!;
    this.steps.push(name);
    await this.#events[name]!();
  }

  async end(): Promise<void> {
    this.bed.intercept = (_direction, _event, payload) => payload;
    this.observed.renders = true;
    for (const output of this.observed.outputs) output.rendered();
    await this.bed.pass(40_000);
    this.observed.session.show(TERMINALS);
    await this.bed.pass(40_000);
  }
}

const SEEDS = Array.from({ length: 15 }, (_, seed) => seed + 1);

test.each(SEEDS)("story %i", async (seed) => {
  const story = new Story(seed);
  await story.begin();
  for (let step = 0; step < 40; step += 1) await story.step();
  await story.end();
  const { bed, observed, steps } = story;
  expect(observed.stage, steps.join(", ")).toBe("ready");
  for (const uuid of TERMINALS) {
    const shown = (observed.shown.get(uuid) ?? "").replace(/[<>]/g, "");
    expect(shown === bed.agent.terminals.get(uuid)!.printed, `${uuid}: ${steps.join(", ")}`).toBe(true);
  }
  expect(observed.session.tabs.filter(({ unseen }) => unseen)).toEqual([]);
  observed.session.close();
  await bed.settle();
  expect(bed.clock.waiting).toBe(0);
}, 60_000);
