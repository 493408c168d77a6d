/** The data channel: it opens with the agent's first message, carries frames, and ends once. */

import { describe, expect, test } from "vitest";

import { DATA_CHANNEL_TRANSITIONS, DataChannel } from "../../src/transport/data_channel";
import { Clock } from "../support/clock";
import { FakePeerConnection } from "../support/fake_peer_connection";

const FRAME = JSON.stringify({ type: "system:echo", payload: { nonce: "1" } });

function scene() {
  const calls: string[] = [];
  const sent: string[] = [];
  const peer = new FakePeerConnection((message) => sent.push(message));
  const channel = new DataChannel(
    peer as unknown as RTCPeerConnection,
    {
      answer: ({ type }) => void calls.push(`answer ${type}`),
      opened: () => void calls.push("opened"),
      received: ({ type }) => void calls.push(`received ${type}`),
      ended: () => void calls.push("ended"),
    },
    new Clock().after,
  );
  return { calls, sent, peer, channel, send: () => channel.send("system:echo", { nonce: "2" }) };
}

describe("a data channel", () => {
  test("answers the offer, opens with the first message, and carries messages both ways", async () => {
    const { calls, sent, peer, channel, send } = scene();
    await channel.accept({ type: "offer", sdp: "" });
    peer.open();
    expect([channel.open, send()]).toEqual([false, false]);
    peer.receive(FRAME);
    peer.receive(FRAME);
    expect([channel.open, send()]).toEqual([true, true]);
    expect(calls).toEqual(["answer answer", "opened", "received system:echo", "received system:echo"]);
    expect(sent.map((message) => JSON.parse(message))).toEqual([{ type: "system:echo", payload: { nonce: "2" } }]);
  });

  test.each(["", "7", "null", "[]", '{"payload":1}'])("is not opened by %j, which is no frame", (message) => {
    const { calls, peer, channel } = scene();
    peer.open();
    peer.receive(message);
    expect([channel.open, calls]).toEqual([false, []]);
  });

  test("ends once, whoever ends it, and sends nothing afterwards", () => {
    const { calls, peer, channel, send } = scene();
    peer.open();
    peer.receive(FRAME);
    peer.lose();
    channel.close();
    peer.receive(FRAME);
    expect([send(), peer.closed, calls.slice(2)]).toEqual([false, true, ["ended"]]);
  });

  test("takes one channel of the connection", () => {
    const { peer, channel } = scene();
    peer.open();
    const second = new FakePeerConnection(() => undefined).channel;
    peer.ondatachannel?.({ channel: second });
    expect(second.onmessage).toBeNull();
    channel.close();
  });

  test("leads nowhere from its end", () => expect(DATA_CHANNEL_TRANSITIONS.closed).toEqual({}));
});
