/**
 * The views of terminals: decides which one is shown, and connects its screen, size and output with the session.
 *
 * Hidden terminals get neither output nor a size. A new terminal is created with the size that it will have.
 */

import type { TerminalOutput, Session } from "../../session/types";
import type { Store } from "../base/store";
import type { AppState } from "../state";
import { paletteOf } from "../state";
import { neighbour } from "../tabs/tab_order";
import { Screen, type ScreenListener } from "./screen";
import { ScreenCache } from "./screen_cache";
import { ResizeDebounce, type Size } from "./resize_debounce";

export interface TerminalViewsActions {
  /** Create the listener of the screen of `uuid()`, which returns "" until the terminal is created. */
  listener(uuid: () => string): ScreenListener;
  /** Another terminal is shown, or none. */
  shownChanged(): void;
}

interface TerminalView {
  uuid: string;
  screen: Screen;
  resize: ResizeDebounce;
}

/** The uuid of a terminal that is not created yet. */
const UNNAMED = "";
const USUAL: Size = { cols: 80, rows: 24 };

export class TerminalViews {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #area: HTMLElement;
  readonly #actions: TerminalViewsActions;
  readonly #views = new Map<string, TerminalView>(); // bounded by MAX_SCREENS: dropped with its screen
  readonly #screens: ScreenCache;
  readonly #missed = new Set<string>(); // bounded by the tabs: output came for them while they had no screen
  /** Created here, and not yet among the session's tabs. */
  #expected: string | null = null;
  #prepared: TerminalView | null = null;

  constructor(session: Session, store: Store<AppState>, area: HTMLElement, actions: TerminalViewsActions) {
    this.#session = session;
    this.#store = store;
    this.#area = area;
    this.#actions = actions;
    this.#screens = new ScreenCache((uuid) => {
      this.#views.delete(uuid);
      session.dropScreen(uuid);
    });
  }

  get screen(): Screen | null {
    return this.#view?.screen ?? null;
  }

  get #view(): TerminalView | undefined {
    return this.#views.get(this.#store.state.shown ?? "");
  }

  create(): void {
    this.#hide();
    // Lay the page out as with a terminal before measuring.
    if (this.#store.state.shown === null) this.#store.set({ shown: UNNAMED });
    const view = this.#makeView(UNNAMED);
    this.#prepared = view;
    view.screen.show();
    const size = view.screen.measure() ?? USUAL;
    view.screen.resize(size);
    view.resize.markSent(size);
    view.uuid = this.#session.create(size.cols, size.rows);
    this.#expected = view.uuid;
    this.show(view.uuid);
    this.#prepared?.screen.end();
    this.#prepared = null;
  }

  show(uuid: string): void {
    const before = this.#store.state.shown;
    const focused = this.#screens.get(before ?? "")?.host.contains(document.activeElement) ?? false;
    if (before !== uuid) this.#hide();
    const screen = this.#screens.use(uuid, () => this.#takeView(uuid));
    screen.show();
    this.#store.set({ shown: uuid, skipped: 0, atBottom: screen.atBottom });
    this.#session.show([uuid]);
    if (this.#missed.delete(uuid)) this.#session.dropScreen(uuid);
    this.#views.get(uuid)?.resize.flush();
    this.#actions.shownChanged();
    if (focused || hasRealKeyboard()) screen.focus();
  }

  /** Follow a change of the session's tabs: drop the screens of terminals that are gone, and show one that exists. */
  sync(): void {
    const { tabs, shown } = this.#store.state;
    const known = new Set(tabs.map((tab) => tab.uuid));
    if (this.#expected !== null && known.has(this.#expected)) this.#expected = null;
    for (const uuid of [...this.#views.keys()]) if (!known.has(uuid) && uuid !== this.#expected) this.#end(uuid);
    if (shown !== null && (known.has(shown) || shown === this.#expected)) return;
    const first = tabs[0]?.uuid;
    if (first !== undefined) this.show(first);
    else if (shown !== null) this.#showNone();
  }

  /** Show the neighbour of a terminal that is gone. */
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

  /** Handle a terminal that could not be created. */
  failed(uuid: string): void {
    if (uuid === this.#expected) this.ended(uuid);
  }

  write(output: TerminalOutput): void {
    const screen = this.#screens.get(output.uuid);
    if (screen === undefined) {
      this.#missed.add(output.uuid); // the whole screen comes when it is shown
      return output.rendered();
    }
    if (output.uuid === this.#store.state.shown) this.#count(output);
    screen.write(output);
  }

  /** The layout changed. */
  layoutChanged(): void {
    this.#view?.resize.layoutChanged();
  }

  /** Send the size again: the agent may have been given another one meanwhile. */
  resendSize(): void {
    for (const view of this.#views.values()) view.resize.invalidate();
    this.#view?.resize.flush();
  }

  apply(): void {
    const { state } = this.#store;
    const palette = paletteOf(state);
    for (const [, screen] of this.#screens.all) screen.apply(state.preferences, palette);
    this.layoutChanged();
  }

  end(): void {
    for (const view of this.#views.values()) view.resize.stop();
    this.#views.clear();
    this.#screens.endAll();
  }

  #count(output: TerminalOutput): void {
    const skipped = output.reset ? output.skipped : this.#store.state.skipped + output.skipped;
    this.#store.set({ skipped });
  }

  #hide(): void {
    this.#view?.resize.stop();
    this.screen?.hide();
  }

  #showNone(): void {
    this.#hide();
    this.#store.set({ shown: null, skipped: 0, atBottom: true });
    this.#session.show([]);
    this.#actions.shownChanged();
  }

  #end(uuid: string): void {
    this.#views.get(uuid)?.resize.stop();
    this.#views.delete(uuid);
    this.#missed.delete(uuid);
    this.#screens.end(uuid);
  }

  #takeView(uuid: string): Screen {
    const view = this.#prepared ?? this.#makeView(uuid);
    this.#prepared = null;
    view.uuid = uuid;
    this.#views.set(uuid, view);
    return view.screen;
  }

  #makeView(uuid: string): TerminalView {
    const { state } = this.#store;
    const view = { uuid } as TerminalView;
    view.screen = new Screen(this.#area, this.#actions.listener(() => view.uuid), state.preferences, paletteOf(state));
    view.resize = new ResizeDebounce(() => view.screen.measure(), (size) => {
      view.screen.resize(size);
      if (view.uuid !== UNNAMED) this.#session.resize(view.uuid, size.cols, size.rows);
    });
    return view;
  }
}

/** Whether the device has a mouse, and so probably no soft keyboard that opens on focus. */
export function hasRealKeyboard(): boolean {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}
