/** Positions on a terminal: the cell under a finger, the word at a cell, and ranges of cells. */

import type { IBuffer, Terminal } from "@xterm/xterm";

/** `line` counts from the first line of the scrollback. */
export interface Cell {
  readonly col: number;
  readonly line: number;
}

/** From the first cell to the last one, both included. */
export interface Range {
  readonly first: Cell;
  readonly last: Cell;
}

const SEPARATORS = new Set(" \t()[]{}<>'\"`,;|│"); // bounded: a constant

export interface Grid {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export function gridOf(terminal: Terminal): Grid | null {
  const screen = terminal.element?.querySelector(".xterm-screen")?.getBoundingClientRect();
  if (screen === undefined || screen.width === 0) return null;
  return { left: screen.left, top: screen.top, width: screen.width / terminal.cols, height: screen.height / terminal.rows };
}

export function cellAt(terminal: Terminal, x: number, y: number): Cell | null {
  const grid = gridOf(terminal);
  if (grid === null) return null;
  const col = bounded(Math.floor((x - grid.left) / grid.width), terminal.cols);
  const row = bounded(Math.floor((y - grid.top) / grid.height), terminal.rows);
  return { col, line: row + terminal.buffer.active.viewportY };
}

function bounded(index: number, count: number): number {
  return Math.max(0, Math.min(count - 1, index));
}

export function wordAt(buffer: IBuffer, cell: Cell, cols: number): Range {
  const line = buffer.getLine(cell.line);
  const inWord = (col: number): boolean => {
    const there = line?.getCell(col);
    if (there === undefined) return false;
    return there.getWidth() === 0 || (there.getChars() !== "" && !SEPARATORS.has(there.getChars()));
  };
  if (!inWord(cell.col)) return { first: cell, last: cell };
  let first = cell.col;
  let last = cell.col;
  while (first > 0 && inWord(first - 1)) first -= 1;
  while (last < cols - 1 && inWord(last + 1)) last += 1;
  return { first: { col: first, line: cell.line }, last: { col: last, line: cell.line } };
}

export function before(one: Cell, other: Cell): boolean {
  return one.line < other.line || (one.line === other.line && one.col < other.col);
}

/** Return the range from `anchor` to `cell`, with all of `anchor` in it. */
export function extended(anchor: Range, cell: Cell): Range {
  return { first: before(cell, anchor.first) ? cell : anchor.first, last: before(anchor.last, cell) ? cell : anchor.last };
}

export function between(one: Cell, other: Cell): Range {
  return before(other, one) ? { first: other, last: one } : { first: one, last: other };
}

export function cellCount(range: Range, cols: number): number {
  return (range.last.line - range.first.line) * cols + range.last.col - range.first.col + 1;
}
