/** The page's reactions to the events of a terminal's screen: typed text, requests of programs, scrolling, shortcuts. */

import { plainLine } from "../protocol/untrusted_text";
import type { Session } from "../session/types";
import type { Store } from "./base/store";
import type { Commands } from "./commands";
import type { InputSender } from "./input/input_sender";
import type { Screen, ScreenListener } from "./screen/screen";
import type { TerminalArea } from "./screen/terminal_area";
import { shortcutOf } from "./shortcuts";
import type { AppState } from "./state";

const MAX_TITLE = 120;

export interface ScreenListenerParts {
  readonly session: Session;
  readonly store: Store<AppState>;
  readonly input: InputSender;
  readonly commands: Commands;
  readonly area: TerminalArea;
  /** Return the shown screen; null when there is none. */
  screen(): Screen | null;
}

/** Create the listener of one screen. `uuid` returns the uuid of its terminal, or "" until the terminal is created. */
export function screenListener(uuid: () => string, parts: ScreenListenerParts): ScreenListener {
  const { session, store, input, commands, area } = parts;
  const isShown = (): boolean => store.state.shown === uuid();
  return {
    typed: (data) => input.typed(data),
    answered: (data) => void session.input(uuid(), data),
    pasted: (text) => void input.paste(text),
    sendsCompositionImmediately: () => sendsCompositionImmediately(store.state),
    titled: (title) => store.set({ titles: { ...store.state.titles, [uuid()]: plainLine(title, MAX_TITLE) } }),
    rang: () => isShown() && area.ring(store.state.preferences.vibrate),
    copied: (text) => commands.offerCopy(text),
    tappedAddress: (address) => void commands.open(address),
    scrolled: () => isShown() && scrolled(parts),
    selected: () => isShown() && area.selection.place(),
    shortcut: (event) => shortcut(event, parts),
  };
}

/** Android's keyboards compose every word, so its letters are sent while it is typed. */
function sendsCompositionImmediately({ preferences }: AppState): boolean {
  const { composing } = preferences;
  return composing === "auto" ? /Android/.test(navigator.userAgent) : composing === "at-once";
}

function scrolled({ store, area, screen }: ScreenListenerParts): void {
  store.set({ atBottom: screen()?.atBottom ?? true });
  area.selection.place();
}

function shortcut(event: KeyboardEvent, { commands, screen }: ScreenListenerParts): boolean {
  const wanted = shortcutOf(event);
  if (wanted === null) return false;
  if (wanted === "paste") return true; // the browser's own paste event follows
  event.preventDefault();
  const terminal = screen()?.terminal;
  if (wanted === "top") terminal?.scrollToTop();
  else if (wanted === "bottom") terminal?.scrollToBottom();
  else void commands.copy(terminal?.getSelection() ?? "");
  return true;
}
