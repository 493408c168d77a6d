/** How far the page is in a terminal's stream, as dialogues: output comes, and is shown, ignored or answered. */

import { describe, expect, test } from "vitest";

import { Offsets, OUTPUT_ACTIONS, type OutputType } from "../../src/transport/offsets";

const SYNC = { processes: [{ uuid: "t", name: "", createdAt: 0, stream: "s" }], resume: true, window: 400 };

/** Output and answers, in a few words. */
class OffsetsDialogue {
  readonly offsets = new Offsets();
  #result = "";

  constructor() {
    this.offsets.sync(SYNC, "relay");
  }

  screen(end?: number, path = "relay"): this {
    return this.#take("process:screen", undefined, end, path);
  }

  output(offset: number | undefined, end?: number, path = "relay"): this {
    return this.#take("terminal:output", offset, end, path);
  }

  #take(type: OutputType, offset: number | undefined, end: number | undefined, path: string): this {
    const span = { uuid: "t", ...(offset === undefined ? {} : { offset }), ...(end === undefined ? {} : { end }) };
    const [isShown, answers] = this.offsets.take(type, span, path);
    this.#result = [isShown ? "shown" : "ignored", ...answers.map(([event, payload]) => `${event} ${JSON.stringify(payload)}`)].join(", ");
    return this;
  }

  is(expected: string): this {
    expect(this.#result).toBe(expected);
    return this;
  }
}

const NOTHING = 'terminal:resume {"terminals":[{"uuid":"t"}]}';
const resume = (end: number): string => `terminal:resume {"terminals":[{"uuid":"t","stream":"s","end":${end}}]}`;

describe("the output of a terminal", () => {
  test("is shown from its start, as long as each part continues the one before", () => {
    new OffsetsDialogue().output(0, 10).is("shown").output(10, 25).is("shown").output(25, 30).is("shown");
  });

  test("that was shown before is ignored", () => void new OffsetsDialogue().output(0, 10).output(0, 10).is("ignored").output(5, 10).is("ignored").output(10, 12).is("shown"));

  test("with a gap before it is ignored, and resumed once", () => {
    new OffsetsDialogue().output(0, 10).output(12, 20).is(`ignored, ${resume(10)}`).output(20, 30).is("ignored").output(10, 20).is("shown").output(20, 30).is("shown");
  });

  test("that begins in the middle is resumed from nothing", () => void new OffsetsDialogue().output(7, 9).is(`ignored, ${NOTHING}`).screen(9).is("shown").output(9, 12).is("shown"));

  test("continues after a screen, which may come in parts", () => {
    new OffsetsDialogue().screen().is("shown").output(undefined).is("shown").output(undefined, 40).is("shown").output(undefined, 50).is("ignored").output(40, 45).is("shown");
  });

  test("within an unfinished screen is resumed from nothing", () => void new OffsetsDialogue().screen().output(3, 9).is(`ignored, ${NOTHING}`).output(undefined, 9).is("ignored"));

  test("by a path without a sync is ignored", () => void new OffsetsDialogue().output(0, 10, "channel").is("ignored").screen(10, "channel").is("ignored"));

  test("without data asks for the offset: a matching one is acknowledged, another one resumed", () => {
    new OffsetsDialogue().output(0, 10).output(10, 10).is('ignored, terminal:ack {"uuid":"t","end":0}').output(4, 4).is(`ignored, ${resume(10)}`).output(4, 4).is(`ignored, ${resume(10)}`);
  });

  test("of an agent without offsets is all shown", () => {
    const dialogue = new OffsetsDialogue();
    dialogue.offsets.sync({ processes: SYNC.processes }, "relay");
    dialogue.output(5, 9).is("shown").output(5, 9, "channel").is("shown");
  });
});

test("what was rendered is acknowledged in quarters of the window, and for its own stream only", () => {
  const { offsets } = new OffsetsDialogue().output(0, 99).output(99, 200);
  expect(offsets.rendered("t", 99, "s")).toEqual([]);
  expect(offsets.rendered("t", 200, "another")).toEqual([]);
  expect(offsets.rendered("t", 200, "s")).toEqual([["terminal:ack", { uuid: "t", end: 200 }]]);
});

test("dropped content is resumed from nothing", () => {
  const { offsets } = new OffsetsDialogue().output(0, 10);
  expect(offsets.drop("t")).toEqual([["terminal:resume", { terminals: [{ uuid: "t" }] }]]);
});

test.each(Object.entries(OUTPUT_ACTIONS))("in the state %s a screen is shown, and old output never is", (_, actions) => {
  expect([actions.screen, actions.old]).toEqual(["show", "ignore"]);
});
