/** Orders of tabs. Pure. */

/** Return the order with `moved` at `index` among the others. */
export function place(order: readonly string[], moved: string, index: number): readonly string[] {
  if (!order.includes(moved)) return order;
  const others = order.filter((uuid) => uuid !== moved);
  const at = Math.max(0, Math.min(others.length, index));
  return [...others.slice(0, at), moved, ...others.slice(at)];
}

export function step(order: readonly string[], moved: string, by: number): readonly string[] {
  const index = order.indexOf(moved);
  return index < 0 ? order : place(order, moved, index + by);
}

/** Return the tab to show instead of `gone`: the next one, or else the previous one. */
export function neighbour(order: readonly string[], gone: string): string | null {
  const index = order.indexOf(gone);
  return order[index + 1] ?? order[index - 1] ?? null;
}

/** Return the index of a dragged tab among others, by their centres. */
export function placeAmong(middles: readonly number[], x: number): number {
  return middles.filter((middle) => middle < x).length;
}

export function sameOrder(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((uuid, index) => uuid === other[index]);
}
