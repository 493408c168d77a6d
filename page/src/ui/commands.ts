/** The commands of menus and buttons that open a sheet, ask a question, or use the clipboard. */

import type { KnownMachine, Session } from "../session/types";
import { plainLine } from "../protocol/untrusted_text";
import type { Preferences } from "./base/preferences";
import type { Store } from "./base/store";
import type { Combo } from "./keys/combos";
import type { Notices } from "./notices/notices";
import { copyText, readText } from "./screen/clipboard";
import { safeUrl } from "./screen/urls";
import { openCombo } from "./sheets/combo_sheet";
import { openConnection } from "./sheets/connection_sheet";
import { openHealth } from "./sheets/health_sheet";
import { askAboutLink, openMachines } from "./sheets/machines_sheet";
import { openMenu } from "./sheets/menu";
import { openPaste } from "./sheets/paste_sheet";
import { openSettings } from "./sheets/settings_sheet";
import { ask, askText } from "./sheets/sheet";
import type { AppState } from "./state";
import { machineTitle } from "./status/phrases";
import { step } from "./tabs/tab_order";
import type { InputSender } from "./input/input_sender";

const MAX_NAME = 60;

export class Commands {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #notices: Notices;
  readonly #input: InputSender;
  readonly #change: (changes: Partial<Preferences>) => void;

  constructor(session: Session, store: Store<AppState>, notices: Notices, input: InputSender, change: (changes: Partial<Preferences>) => void) {
    this.#session = session;
    this.#store = store;
    this.#notices = notices;
    this.#input = input;
    this.#change = change;
  }

  pageMenu(create: () => void, assistant: () => void): void {
    const ready = this.#store.state.connection.stage === "ready";
    openMenu("MobiFai", [
      { label: "New terminal", picture: "plus", act: create, disabled: !ready },
      { label: "Assistant", picture: "spark", act: assistant, disabled: this.#store.state.shown === null },
      { label: "Agent health", picture: "heart", act: () => this.health(), disabled: !ready },
      { label: "Machines", picture: "machine", act: () => this.machines() },
      { label: "Connection", picture: "link", act: () => this.connection() },
      { label: "Settings", picture: "gear", act: () => this.settings() },
    ]);
  }

  tabMenu(uuid: string): void {
    const order = this.#order();
    const at = order.indexOf(uuid);
    const tab = this.#store.state.tabs[at];
    if (tab === undefined) return;
    openMenu(tab.name, [
      { label: "Rename", picture: "edit", act: () => void this.rename(uuid) },
      { label: "Move left", picture: "left", act: () => this.move(uuid, -1), disabled: at === 0 },
      { label: "Move right", picture: "right", act: () => this.move(uuid, 1), disabled: at === order.length - 1 },
      { label: "Close", picture: "bin", act: () => void this.close(uuid), danger: true, hint: "Ends its shell and everything running in it" },
    ]);
  }

  async rename(uuid: string): Promise<void> {
    const tab = this.#store.state.tabs.find((other) => other.uuid === uuid);
    const name = await askText("Rename the terminal", "Name", tab?.name ?? "", "Rename", MAX_NAME);
    if (name !== null) this.#session.rename(uuid, plainLine(name, MAX_NAME));
  }

  move(uuid: string, by: number): void {
    this.#session.reorder(step(this.#order(), uuid, by));
  }

  async close(uuid: string): Promise<void> {
    const tab = this.#store.state.tabs.find((other) => other.uuid === uuid);
    if (tab === undefined) return;
    if (tab.exit) return this.#session.terminate(uuid); // nothing runs there
    const text = "This ends its shell and everything running in it. Unsaved work is lost.";
    if (await ask({ title: `Close ${tab.name}?`, text, yes: "Close", danger: true })) this.#session.terminate(uuid);
  }

  health(): void {
    openHealth(() => this.#session.health());
  }

  connection(): void {
    openConnection(this.#store, { wake: () => this.#session.tryAgain(), machines: () => this.machines(), health: () => this.health(), forget: () => void this.forget() });
  }

  settings(): void {
    openSettings(this.#store, { change: this.#change, forget: () => void this.forget() });
  }

  combo(combo: Combo | null): void {
    openCombo(combo, this.#store.state.combos, (combos) => this.#session.putOwnKeys(combos));
  }

  machines(): void {
    const pair = (text: string): Promise<void> => this.#session.pair(text, askAboutLink);
    openMachines(this.#store, { choose: (id) => this.#session.choose(id), rename: (machine) => void this.#renameMachine(machine), forget: (machine) => void this.forget(machine), pair });
  }

  async #renameMachine(machine: KnownMachine): Promise<void> {
    const name = await askText(`Rename ${machineTitle(machine)}`, "Name in this browser", machine.name ?? "", "Rename", MAX_NAME);
    if (name !== null) this.#session.renameMachine(machine.id, name);
  }

  /** Forget a machine; by default the one that is in use. */
  async forget(machine = this.#store.state.machines.find(({ isUsed }) => isUsed)): Promise<void> {
    if (machine === undefined) return;
    const text = "This browser deletes its keys for this machine. Terminals keep running there. To use the machine again, pair with a new QR code.";
    if (await ask({ title: `Forget ${machineTitle(machine)}?`, text, yes: "Forget", danger: true })) this.#session.forget(machine.id);
  }

  async paste(): Promise<void> {
    const text = await readText();
    if (text === null) openPaste((given) => void this.#input.paste(given));
    else if (text === "") this.#notices.show("The clipboard contains no text.");
    else await this.#input.paste(text);
  }

  async copy(text: string): Promise<void> {
    if (text === "") return;
    this.#notices.show((await copyText(text)) ? "Copied." : "Not copied: the browser did not allow it.", { key: "copied", seconds: 2 });
  }

  /** A program wants to write to the clipboard: show the text, and let the user decide. */
  offerCopy(text: string): void {
    const copy = { label: "Copy", act: () => void this.copy(text) };
    this.#notices.show(`A program wants to copy ${text.length} characters to the clipboard.`, { key: "osc52", detail: plainLine(text, 120), actions: [copy] });
  }

  async open(address: string): Promise<void> {
    if (document.querySelector("dialog[open]") !== null) return;
    const url = safeUrl(address);
    if (url === null) return this.#notices.show("Only web and email addresses can be opened.", { key: "address" });
    const question = { title: url.scheme === "mailto" ? "Write an email?" : "Open this address?", text: `${url.scheme === "mailto" ? "The email goes to" : "The address leads to"} ${url.target}.`, quoted: url.href, warning: url.warning, yes: "Open" };
    if (await ask(question)) window.open(url.href, "_blank", "noopener,noreferrer");
  }

  #order(): readonly string[] {
    return this.#store.state.tabs.map((tab) => tab.uuid);
  }
}
