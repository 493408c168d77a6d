/** What is done for each event, by its name: names come from outside, and an object has more of them than it was given. */
export const acts = <A>(named: Readonly<Record<string, A>>): ReadonlyMap<string, A> => new Map(Object.entries(named));
