/** The page: renders a session, and passes on what people do. Owns its views until `end`. */

import type { AssistantEvent, Session } from "../session/types";
import { applyEvent, keepTerminals, removeApproval } from "./assistant/conversations";
import { AssistantPanel } from "./assistant/assistant_panel";
import { el } from "./base/dom";
import { keepFocus } from "./base/focus";
import { icon } from "./base/icons";
import { clampFont } from "./base/preferences";
import { Scope } from "./base/scope";
import { Store } from "./base/store";
import { followViewport } from "./base/viewport";
import { PreferencesSync, systemScheme } from "./preferences_sync";
import { Commands } from "./commands";
import type { Combo } from "./keys/combos";
import { KeyBar } from "./keys/key_bar";
import { CombosSync } from "./keys/combos_sync";
import { Notices } from "./notices/notices";
import { TerminalViews } from "./screen/terminal_views";
import { TerminalArea } from "./screen/terminal_area";
import { screenListener } from "./screen_listener";
import { askAboutLink } from "./sheets/machines_sheet";
import { reviewCombos } from "./sheets/review_sheet";
import { type AppState, firstState, paletteOf, schemeOf } from "./state";
import { Banner } from "./status/banner";
import { ExitNote } from "./status/exit_note";
import { sentence } from "./status/link_form";
import { spokenState } from "./status/phrases";
import { StatusButton } from "./status/status_button";
import { Welcome } from "./status/welcome";
import { TabStrip } from "./tabs/tab_strip";
import { InputSender } from "./input/input_sender";

export class App {
  readonly store: Store<AppState>;
  readonly terminals: TerminalViews;
  readonly #session: Session;
  readonly #scope = new Scope();
  readonly #notices = new Notices();
  readonly #preferencesSync: PreferencesSync;
  readonly #commands: Commands;
  readonly #input: InputSender;
  readonly #terminalArea: TerminalArea;
  readonly #panel: AssistantPanel;
  #zoomFrom: number | null = null;

  constructor(root: HTMLElement, session: Session, storage: Storage | null) {
    this.#session = session;
    const preferences = PreferencesSync.first(storage);
    this.store = new Store(firstState(session.connection, session.tabs, preferences, schemeOf(preferences, systemScheme())));
    new CombosSync(session, this.store, storage, this.#scope, (combos) => this.#review(combos)); // before the preferences are written again
    this.#preferencesSync = new PreferencesSync(session, this.store, storage, this.#scope);
    this.#input = new InputSender(session, this.store, this.#notices, () => this.terminals.screen);
    this.#commands = new Commands(session, this.store, this.#notices, this.#input, (changes) => this.#preferencesSync.change(changes));
    this.#terminalArea = new TerminalArea(this.#terminalAreaActions(), this.#scope);
    this.#panel = new AssistantPanel(this.#assistantActions(), this.#scope);
    const parts = { session, store: this.store, input: this.#input, commands: this.#commands, area: this.#terminalArea, screen: () => this.terminals.screen };
    this.terminals = new TerminalViews(session, this.store, this.#terminalArea.area, { listener: (uuid) => screenListener(uuid, parts), shownChanged: () => this.#shownChanged() });
    this.store.set({ machines: session.machines });
    this.#draw(root);
    keepFocus(root, this.#scope);
    this.#listen();
    followViewport(document.documentElement, () => this.terminals.layoutChanged(), this.#scope);
    this.#observe();
  }

  /** Pair with the machine of a link. The user confirms an unknown machine, if another one is known. */
  pair(text: string): Promise<void> {
    return this.#session.pair(text, askAboutLink);
  }

  /** Report a failure to the user. */
  report(reason: unknown): void {
    this.#notices.show(sentence(reason), { key: "failure", seconds: 12 });
  }

  /** Offer to load a newer build of this page. */
  offerReload(): void {
    this.#notices.show("A new version of this page is available.", { key: "new-version", actions: [{ label: "Reload", act: () => location.reload() }] });
  }

  listenToAddress(changed: () => void): void {
    this.#scope.listen(window, "hashchange", changed);
  }

  end(): void {
    this.terminals.end();
    this.#notices.clear();
    this.#scope.end();
  }

  #draw(root: HTMLElement): void {
    const status = new StatusButton();
    const tabs = new TabStrip({
      show: (uuid) => this.terminals.show(uuid), menu: (uuid) => this.#commands.tabMenu(uuid), step: (uuid, by) => this.#commands.move(uuid, by),
      reorder: (order) => this.#session.reorder(order), close: (uuid) => void this.#commands.close(uuid),
    }, this.#scope);
    const banner = new Banner(() => this.#session.tryAgain());
    const exitNote = new ExitNote(() => this.store.state.shown !== null && void this.#commands.close(this.store.state.shown));
    const welcome = new Welcome({
      pair: (text) => this.pair(text), wake: () => this.#session.wake(), tryAgain: () => this.#session.tryAgain(), machines: () => this.#commands.machines(),
      create: () => this.terminals.create(), forget: () => void this.#commands.forget(),
    });
    const keys = new KeyBar(this.#keyActions(), this.#scope);
    const plus = this.#barButton("plus", "New terminal", () => this.terminals.create());
    const more = this.#barButton("more", "Menu", () => this.#commands.pageMenu(() => this.terminals.create(), () => this.#askAssistant(true)));
    this.#scope.listen(status.element, "click", () => this.#commands.connection());
    const bar = el("header", { class: "top-bar" }, status.element, tabs.element, plus, more);
    this.#terminalArea.element.append(banner.element);
    root.replaceChildren(bar, this.#terminalArea.element, exitNote.element, welcome.element, this.#panel.element, keys.element, this.#notices.element, this.#notices.announcer);
    this.#scope.add(this.store.subscribe((state, before) => {
      status.render(state.connection);
      tabs.render(state.tabs, state.shown, state.titles);
      banner.render(state);
      exitNote.render(state);
      this.#terminalArea.render(state);
      welcome.element.hidden = state.shown !== null;
      if (state.shown === null) welcome.render(state);
      this.#panel.render(state);
      keys.element.hidden = state.shown === null;
      keys.render(state);
      plus.disabled = state.connection.stage !== "ready";
      bar.hidden = state.connection.stage === "unpaired" && state.tabs.length === 0;
      this.#applyAppearance(state, before);
    }));
  }

  #barButton(picture: "plus" | "more", label: string, act: () => void): HTMLButtonElement {
    const button = el("button", { class: "bar-button", type: "button", "aria-label": label }, icon(picture));
    this.#scope.listen(button, "click", act);
    return button;
  }

  /** Apply colours, and set the document's title. */
  #applyAppearance(state: AppState, before: AppState): void {
    const root = document.documentElement;
    root.dataset["scheme"] = state.scheme;
    const palette = paletteOf(state);
    root.style.setProperty("--terminal", palette.theme.background ?? "");
    const tab = state.tabs.find((other) => other.uuid === state.shown);
    document.title = [tab && (state.titles[tab.uuid] || tab.name), state.connection.machine ?? "MobiFai"].filter(Boolean).join(" – ");
    if (state.preferences !== before.preferences || state.scheme !== before.scheme) this.terminals.apply();
  }

  #listen(): void {
    const { store } = this;
    const on = this.#session.on.bind(this.#session);
    const ends = [
      on("connection", (connection) => {
        const before = store.state.connection;
        store.set({ connection });
        if (spokenState(before) !== spokenState(connection)) this.#notices.announce(spokenState(connection));
        if (connection.stage === "ready" && before.stage !== "ready") this.terminals.resendSize();
      }),
      on("machines", (machines) => store.set({ machines })),
      on("tabs", (tabs) => {
        store.set({ tabs, assistant: keepTerminals(store.state.assistant, tabs.map((tab) => tab.uuid)), titles: this.#titlesOf(tabs.map((tab) => tab.uuid)) });
        this.terminals.sync();
      }),
      on("output", (output) => this.terminals.write(output)),
      on("ended", (uuid) => this.terminals.ended(uuid)),
      on("firstContact", () => this.#openFirst()),
      on("trouble", (message, uuid) => {
        this.#notices.show(message, { seconds: 8 });
        if (uuid !== null) this.terminals.failed(uuid);
      }),
      on("assistant", (event) => this.#applyAssistantEvent(event)),
    ];
    for (const end of ends) this.#scope.add(end);
    const wake = (): void => void (document.visibilityState === "visible" && this.#session.wake());
    this.#scope.listen(document, "visibilitychange", wake);
    this.#scope.listen(window, "pageshow", wake);
    this.#scope.listen(window, "online", wake);
    this.terminals.sync();
  }

  /** Ask about keys of an earlier version. A notice does not interrupt typing, and appears on each load until the user decides. */
  #review(combos: readonly Combo[]): Promise<readonly Combo[] | null> {
    return new Promise((resolve) => {
      const act = (): void => void reviewCombos(combos).then(resolve);
      this.#notices.show("Key combinations from an earlier version of this page need your review.", { key: "old-keys", seconds: 60, actions: [{ label: "Review", act }] });
    });
  }

  /** Open a terminal and focus it, so that the user can type right after pairing. */
  #openFirst(): void {
    this.terminals.create();
    this.terminals.screen?.focus();
  }

  #observe(): void {
    const observer = new ResizeObserver(() => this.terminals.layoutChanged());
    observer.observe(this.#terminalArea.element);
    this.#scope.add(() => observer.disconnect());
  }

  #applyAssistantEvent(event: AssistantEvent): void {
    const assistant = applyEvent(this.store.state.assistant, event, Date.now());
    this.store.set({ assistant, asking: this.store.state.asking || event.type === "approval" });
    if (event.type === "approval") this.#notices.announce("The assistant needs your approval.");
  }

  #askAssistant(asking: boolean): void {
    this.store.set({ asking });
    if (asking) this.#panel.focus();
    else this.terminals.screen?.focus();
  }

  #shownChanged(): void {
    this.#input.release();
    this.#terminalArea.rest();
    const { shown, tabs } = this.store.state;
    this.terminals.screen?.name(tabs.find((tab) => tab.uuid === shown)?.name ?? "");
  }

  #titlesOf(uuids: readonly string[]): AppState["titles"] {
    const known = new Set(uuids);
    return Object.fromEntries(Object.entries(this.store.state.titles).filter(([uuid]) => known.has(uuid)));
  }

  #terminalAreaActions(): ConstructorParameters<typeof TerminalArea>[0] {
    return {
      screen: () => this.terminals.screen,
      copy: (text) => void this.#commands.copy(text),
      paste: () => void this.#commands.paste(),
      zoom: (scale) => this.#zoom(scale),
      zoomed: () => this.#zoomed(),
    };
  }

  #zoom(scale: number): void {
    this.#zoomFrom ??= this.store.state.preferences.fontSize;
    const fontSize = clampFont(this.#zoomFrom * scale);
    this.#terminalArea.showZoom(fontSize);
    if (fontSize !== this.store.state.preferences.fontSize) this.#preferencesSync.change({ fontSize });
  }

  #zoomed(): void {
    this.#zoomFrom = null;
    this.#terminalArea.showZoom(null);
  }

  #keyActions(): ConstructorParameters<typeof KeyBar>[0] {
    const input = this.#input;
    const felt = (act: () => void): void => {
      if (this.store.state.preferences.vibrate) navigator.vibrate?.(6);
      act();
    };
    return {
      key: (key) => felt(() => input.key(key)),
      text: (text) => felt(() => input.text(text)),
      modifier: (modifier) => felt(() => input.modifier(modifier)),
      combo: (combo) => felt(() => input.combo(combo)),
      editCombo: (combo) => this.#commands.combo(combo),
      paste: () => void this.#commands.paste(),
      ask: () => this.#askAssistant(!this.store.state.asking),
      keyboard: () => this.#toggleKeyboard(),
    };
  }

  #toggleKeyboard(): void {
    const focused = document.activeElement;
    if (focused instanceof HTMLTextAreaElement) focused.blur();
    else this.terminals.screen?.focus();
  }

  #assistantActions(): ConstructorParameters<typeof AssistantPanel>[0] {
    return {
      prompt: (text) => this.store.state.shown !== null && this.#session.prompt(text, this.store.state.shown),
      cancel: () => this.#session.cancel(this.store.state.shown ?? undefined),
      approve: (id, ok) => {
        this.#session.approve(id, ok);
        this.store.set({ assistant: removeApproval(this.store.state.assistant, id, Date.now()) });
      },
      close: () => this.#askAssistant(false),
    };
  }
}
