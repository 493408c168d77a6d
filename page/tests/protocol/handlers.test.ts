/** Handlers by event name: complete by their type, and safe for names that come from outside. */

import { describe, expect, test, vi } from "vitest";

import type { Echo, Empty, FromAgent } from "../../src/protocol/messages";
import { dispatch, type Handlers } from "../../src/protocol/handlers";

interface Messages {
  readonly "a:echo": Echo;
  readonly "a:empty": Empty | null;
}

describe("handlers", () => {
  test("get the payload and the context of their event", () => {
    const echo = vi.fn();
    const handlers: Handlers<Messages, [path: string]> = { "a:echo": echo, "a:empty": () => undefined };
    dispatch(handlers, "a:echo", { nonce: "1" }, "relay");
    expect(echo.mock.calls).toEqual([[{ nonce: "1" }, "relay"]]);
  });

  test.each([null, undefined])("get an object for the payload %j", (payload) => {
    const empty = vi.fn();
    dispatch({ "a:empty": empty }, "a:empty", payload);
    expect(empty.mock.calls).toEqual([[{}]]);
  });

  test.each(["", "b:unknown", "toString", "__proto__", "constructor"])("are not called for %j", (event) => {
    const echo = vi.fn();
    dispatch({ "a:echo": echo }, event, {});
    expect(echo).not.toHaveBeenCalled();
  });

  test("that are missing do not compile", () => {
    // @ts-expect-error: the other messages of an agent have no handler
    const incomplete: Handlers<FromAgent> = { "system:echo": () => undefined };
    expect(Object.keys(incomplete)).toEqual(["system:echo"]);
  });
});
