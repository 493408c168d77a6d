/** Handlers by event name. A Map: event names come from outside, and an object would also answer to inherited ones. */
export const handlerTable = <A>(named: Readonly<Record<string, A>>): ReadonlyMap<string, A> => new Map(Object.entries(named));
