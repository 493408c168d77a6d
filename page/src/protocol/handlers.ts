/** Handlers for the messages of `messages.ts`. */

/** A handler for each event of a table of messages, such as `FromAgent`. A missing handler is a type error. */
export type Handlers<Messages, Context extends readonly unknown[] = []> = {
  readonly [Event in keyof Messages]: (payload: NonNullable<Messages[Event]>, ...context: Context) => void;
};

/**
 * Call the handler of an event. An event without a handler is ignored: it comes from a newer peer.
 *
 * Only own properties count, since the event's name comes from outside. An empty payload is an empty object to handlers.
 */
export function dispatch<Context extends readonly unknown[]>(
  handlers: Readonly<Record<string, (payload: never, ...context: Context) => void>>,
  event: string,
  payload: unknown,
  ...context: Context
): void {
  if (Object.prototype.hasOwnProperty.call(handlers, event)) handlers[event]!((payload ?? {}) as never, ...context);
}
