/** The form of each message between this page and an agent: on the data channel, and encrypted through the relay. */

export interface Frame {
  readonly type: string;
  readonly payload: unknown;
  /** The message's number in the session. Sessions without the feature `order` have none. */
  readonly seq?: number;
}

export const encodeFrame = (type: string, payload: unknown, seq?: number): string => JSON.stringify({ type, payload, seq });

/** Decode a frame. Throws for other text. */
export function decodeFrame(text: string): Frame {
  const { type, payload, seq } = (JSON.parse(text) ?? {}) as Partial<Frame>;
  if (typeof type !== "string") throw new Error("expected a frame with a type");
  return typeof seq === "number" ? { type, payload, seq } : { type, payload };
}
