/**
 * The screen of one terminal: an xterm, its renderer and its input. Owns them until `end`.
 *
 * It knows no session: typed text and requests of programs go to its `ScreenListener`.
 */

import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import type { TerminalOutput } from "../../session/types";
import { el } from "../base/dom";
import type { Preferences } from "../base/preferences";
import { Scope } from "../base/scope";
import { TextInput, type Typing } from "../input/text_input";
import { parseOsc52 } from "./clipboard";
import type { Palette } from "./palettes";
import { Renderer } from "./renderer";
import { UserActivity, ReplayGate } from "./replay";
import { type Size, usable } from "./resize_debounce";
import { styledDocument, whileStyled } from "./styled_document";

export interface ScreenListener extends Typing {
  /** The terminal answered a program, or reported the mouse: no user typed this. */
  answered(data: string): void;
  titled(title: string): void;
  rang(): void;
  /** A program wants to copy text. */
  copied(text: string): void;
  /** The user tapped an address. */
  tappedAddress(address: string): void;
  /** The scroll position or the text changed. */
  scrolled(): void;
  selected(): void;
  /** A key on a hardware keyboard. Returns whether it was a shortcut. */
  shortcut(event: KeyboardEvent): boolean;
}

const MOUSE_REPORT = /^\u001b\[(?:M|<|[\d;]+M)/;
export const SCROLLBACK_LINES = 5_000;
export const SCROLLBAR_PIXELS = 8;
const FONTS = 'ui-monospace, "SF Mono", Menlo, "Cascadia Mono", "Roboto Mono", "DejaVu Sans Mono", "Noto Sans Mono", monospace';

export class Screen {
  readonly terminal: Terminal;
  readonly host = el("div", { class: "screen", role: "group" });
  readonly #scope = new Scope();
  readonly #fit = new FitAddon();
  readonly #renderer: Renderer;
  readonly #activity = new UserActivity(this.host, this.#scope);
  readonly #gate = new ReplayGate(this.#activity);
  readonly #input: TextInput;
  readonly #listener: ScreenListener;
  #frame: number | null = null;

  /** `parent` must be visible in the document, since characters are measured. */
  constructor(parent: HTMLElement, listener: ScreenListener, preferences: Preferences, palette: Palette) {
    this.#listener = listener;
    this.terminal = new Terminal(optionsFor(preferences, palette, (address) => listener.tappedAddress(address)));
    parent.append(this.host);
    this.#loadAddons();
    whileStyled(() => this.terminal.open(this.host));
    this.#renderer = new Renderer(this.terminal);
    this.#input = new TextInput(this.terminal, this.host, listener, this.#scope);
    this.#watch();
  }

  get applicationCursor(): boolean {
    return this.terminal.modes.applicationCursorKeysMode;
  }

  get atBottom(): boolean {
    const { viewportY, baseY } = this.terminal.buffer.active;
    return viewportY >= baseY;
  }

  name(name: string): void {
    this.host.setAttribute("aria-label", `Terminal ${name}`);
  }

  show(): void {
    this.host.classList.add("shown");
    this.#renderer.show();
  }

  hide(): void {
    this.host.classList.remove("shown");
    this.#renderer.hide();
    this.terminal.clearSelection();
  }

  focus(): void {
    this.#input.focus();
  }

  /** Forget the typed text, since a key was sent without the text field. */
  forgetTyped(): void {
    this.#input.forget();
  }

  write(output: TerminalOutput): void {
    if (!output.reset && output.replayed !== true) return this.terminal.write(output.data, () => output.rendered());
    // The parser's queue is in order, so the callback of an empty write runs when the parser reaches what follows.
    this.terminal.write("", () => this.#gate.enter());
    this.terminal.write(output.data, () => {
      this.#gate.leave();
      output.rendered();
    });
  }

  /** Return the size in cells that fits; null while the terminal is hidden or can't be measured. */
  measure(): Size | null {
    const { clientWidth, clientHeight } = this.host;
    if (clientWidth < 40 || clientHeight < 20) return null;
    return usable(this.#fit.proposeDimensions());
  }

  resize(size: Size): void {
    const bottom = this.atBottom;
    if (size.cols !== this.terminal.cols || size.rows !== this.terminal.rows) this.terminal.resize(size.cols, size.rows);
    if (bottom) this.terminal.scrollToBottom();
  }

  apply(preferences: Preferences, palette: Palette): void {
    const { options } = this.terminal;
    if (options.fontSize !== preferences.fontSize) options.fontSize = preferences.fontSize;
    if (options.theme !== palette.theme) options.theme = palette.theme;
    options.screenReaderMode = preferences.screenReader;
    options.cursorBlink = preferences.cursorBlink;
    options.minimumContrastRatio = palette.id === "contrast" ? 7 : 1;
  }

  end(): void {
    this.#scope.end();
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#renderer.hide();
    this.terminal.dispose();
    this.host.remove();
  }

  #loadAddons(): void {
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    this.terminal.loadAddon(new WebLinksAddon((_event, address) => this.#listener.tappedAddress(address)));
  }

  #watch(): void {
    const { terminal } = this;
    const listeners = [
      terminal.onData((data) => this.#send(data)),
      terminal.onBinary((data) => this.#send(data)),
      terminal.onTitleChange((title) => this.#listener.titled(title)),
      terminal.onBell(() => !this.#gate.replaying && this.#listener.rang()),
      terminal.onScroll(() => this.#scrolled()),
      terminal.onWriteParsed(() => this.#scrolled()),
      terminal.onSelectionChange(() => this.#listener.selected()),
      terminal.parser.registerOscHandler(52, (payload) => this.#osc52(payload)),
    ];
    for (const listener of listeners) this.#scope.add(() => listener.dispose());
    terminal.attachCustomKeyEventHandler((event) => !(event.type === "keydown" && this.#listener.shortcut(event)));
  }

  /** Report scrolling at most once per frame: output scrolls line by line. */
  #scrolled(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#listener.scrolled();
    });
  }

  #send(data: string): void {
    if (!this.#gate.allows(data)) return;
    if (this.#activity.active && !MOUSE_REPORT.test(data)) this.#listener.typed(data);
    else this.#listener.answered(data);
  }

  /** Programs may write to the clipboard if the user agrees, and never read it. */
  #osc52(payload: string): boolean {
    const text = this.#gate.replaying ? null : parseOsc52(payload);
    if (text !== null) this.#listener.copied(text);
    return true;
  }
}

function optionsFor(preferences: Preferences, palette: Palette, open: (address: string) => void): ConstructorParameters<typeof Terminal>[0] {
  return {
    allowProposedApi: true, // for Unicode 11 widths
    documentOverride: styledDocument(),
    scrollback: SCROLLBACK_LINES,
    fontFamily: FONTS,
    fontSize: preferences.fontSize,
    theme: palette.theme,
    cursorBlink: preferences.cursorBlink,
    cursorInactiveStyle: "outline",
    screenReaderMode: preferences.screenReader,
    minimumContrastRatio: palette.id === "contrast" ? 7 : 1,
    overviewRuler: { width: SCROLLBAR_PIXELS },
    linkHandler: { activate: (_event, address) => open(address), allowNonHttpProtocols: true },
  };
}
