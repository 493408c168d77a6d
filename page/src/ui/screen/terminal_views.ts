/**
 * Which terminal is shown, with its picture, size and output: between a session and the screens.
 *
 * Hidden terminals get no output and no size; a new one gets its size before it is made.
 */

import type { Output, Session } from "../../session/types";
import type { Store } from "../base/store";
import type { AppState } from "../state";
import { paletteOf } from "../state";
import { neighbour } from "../tabs/tab_order";
import { Screen, type Watcher } from "./screen";
import { Screens } from "./screen_cache";
import { Settling, type Size } from "./resize_debounce";

export interface DeckActions {
  /** What a screen that belongs to `uuid()` tells; `uuid` answers "" until the terminal is made. */
  watcher(uuid: () => string): Watcher;
  /** Another terminal is shown, or none. */
  turned(): void;
}

interface Seat {
  uuid: string;
  screen: Screen;
  settling: Settling;
}

/** The place of a terminal that is not made yet. */
const UNNAMED = "";
const USUAL: Size = { cols: 80, rows: 24 };

export class Deck {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #area: HTMLElement;
  readonly #actions: DeckActions;
  readonly #seats = new Map<string, Seat>(); // bounded by MOST_KEPT: dropped with its screen
  readonly #screens: Screens;
  readonly #missed = new Set<string>(); // bounded by the tabs: whose output came while there was no screen for it
  /** Made here and not yet among the session's tabs. */
  #expected: string | null = null;
  #prepared: Seat | null = null;

  constructor(session: Session, store: Store<AppState>, area: HTMLElement, actions: DeckActions) {
    this.#session = session;
    this.#store = store;
    this.#area = area;
    this.#actions = actions;
    this.#screens = new Screens((uuid) => {
      this.#seats.delete(uuid);
      session.dropScreen(uuid);
    });
  }

  get screen(): Screen | null {
    return this.#seat?.screen ?? null;
  }

  get kept(): number {
    return this.#screens.size;
  }

  get #seat(): Seat | undefined {
    return this.#seats.get(this.#store.state.shown ?? "");
  }

  create(): void {
    this.#hide();
    // The layout must be as it is with a terminal before anything is measured.
    if (this.#store.state.shown === null) this.#store.set({ shown: UNNAMED });
    const seat = this.#makeSeat(UNNAMED);
    this.#prepared = seat;
    seat.screen.show();
    const size = seat.screen.measure() ?? USUAL;
    seat.screen.resize(size);
    seat.settling.told(size);
    seat.uuid = this.#session.create(size.cols, size.rows);
    this.#expected = seat.uuid;
    this.show(seat.uuid);
    this.#prepared?.screen.end();
    this.#prepared = null;
  }

  show(uuid: string): void {
    const before = this.#store.state.shown;
    const focused = this.#screens.get(before ?? "")?.host.contains(document.activeElement) ?? false;
    if (before !== uuid) this.#hide();
    const screen = this.#screens.bring(uuid, () => this.#takeSeat(uuid));
    screen.show();
    this.#store.set({ shown: uuid, skipped: 0, atBottom: screen.atBottom });
    this.#session.show([uuid]);
    if (this.#missed.delete(uuid)) this.#session.dropScreen(uuid);
    this.#seats.get(uuid)?.settling.now();
    this.#actions.turned();
    if (focused || hasRealKeyboard()) screen.focus();
  }

  /** The session's tabs changed: pictures of terminals that are gone end, and one that is there is shown. */
  sync(): void {
    const { tabs, shown } = this.#store.state;
    const known = new Set(tabs.map((tab) => tab.uuid));
    if (this.#expected !== null && known.has(this.#expected)) this.#expected = null;
    for (const uuid of [...this.#seats.keys()]) if (!known.has(uuid) && uuid !== this.#expected) this.#end(uuid);
    if (shown !== null && (known.has(shown) || shown === this.#expected)) return;
    const first = tabs[0]?.uuid;
    if (first !== undefined) this.show(first);
    else if (shown !== null) this.#showNone();
  }

  /** A terminal is no more: its neighbour is shown. */
  ended(uuid: string): void {
    const { tabs, shown } = this.#store.state;
    const order = tabs.map((tab) => tab.uuid);
    const next = neighbour(order, uuid) ?? order.find((other) => other !== uuid) ?? null;
    if (this.#expected === uuid) this.#expected = null;
    this.#end(uuid);
    if (shown !== uuid) return;
    if (next !== null) this.show(next);
    else this.#showNone();
  }

  /** A terminal that was wanted could not be made. */
  failed(uuid: string): void {
    if (uuid === this.#expected) this.ended(uuid);
  }

  write(output: Output): void {
    const screen = this.#screens.get(output.uuid);
    if (screen === undefined) {
      this.#missed.add(output.uuid); // the whole screen comes when it is shown
      return output.rendered();
    }
    if (output.uuid === this.#store.state.shown) this.#count(output);
    screen.write(output);
  }

  /** The layout moved. */
  disturb(): void {
    this.#seat?.settling.disturb();
  }

  /** The other side may have been told another size meanwhile. */
  renewSize(): void {
    for (const seat of this.#seats.values()) seat.settling.forget();
    this.#seat?.settling.now();
  }

  apply(): void {
    const { state } = this.#store;
    const palette = paletteOf(state);
    for (const [, screen] of this.#screens.all) screen.apply(state.preferences, palette);
    this.disturb();
  }

  end(): void {
    for (const seat of this.#seats.values()) seat.settling.stop();
    this.#seats.clear();
    this.#screens.endAll();
  }

  #count(output: Output): void {
    const skipped = output.reset ? output.skipped : this.#store.state.skipped + output.skipped;
    this.#store.set({ skipped });
  }

  #hide(): void {
    this.#seat?.settling.stop();
    this.screen?.hide();
  }

  #showNone(): void {
    this.#hide();
    this.#store.set({ shown: null, skipped: 0, atBottom: true });
    this.#session.show([]);
    this.#actions.turned();
  }

  #end(uuid: string): void {
    this.#seats.get(uuid)?.settling.stop();
    this.#seats.delete(uuid);
    this.#missed.delete(uuid);
    this.#screens.end(uuid);
  }

  #takeSeat(uuid: string): Screen {
    const seat = this.#prepared ?? this.#makeSeat(uuid);
    this.#prepared = null;
    seat.uuid = uuid;
    this.#seats.set(uuid, seat);
    return seat.screen;
  }

  #makeSeat(uuid: string): Seat {
    const { state } = this.#store;
    const seat = { uuid } as Seat;
    seat.screen = new Screen(this.#area, this.#actions.watcher(() => seat.uuid), state.preferences, paletteOf(state));
    seat.settling = new Settling(() => seat.screen.measure(), (size) => {
      seat.screen.resize(size);
      if (seat.uuid !== UNNAMED) this.#session.resize(seat.uuid, size.cols, size.rows);
    });
    return seat;
  }
}

/** A device with a mouse: taking the focus brings no soft keyboard there. */
export function hasRealKeyboard(): boolean {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}
