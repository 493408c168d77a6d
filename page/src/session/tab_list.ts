/** The list of tabs: their order, which are shown, and which have unseen output. */

import type { ProcessInfo } from "../protocol/messages";
import { plainLine } from "../protocol/untrusted_text";
import { exitText } from "./exit_text";
import type { PageStorage } from "./page_storage";
import type { Tab } from "./types";

const MAX_NAME = 100;

/** Return a name that is safe to show: any phone of the machine may have chosen it. */
const shownName = (name: string): string => plainLine(String(name), MAX_NAME);

export class TabList {
  #tabs: Tab[] = []; // bounded by the agent's terminals
  #shown: readonly string[];

  constructor(private readonly storage: PageStorage) {
    this.#shown = storage.shown;
  }

  get tabs(): readonly Tab[] {
    return this.#tabs;
  }

  get shown(): readonly string[] {
    return this.#shown;
  }

  has(uuid: string): boolean {
    return this.#tabs.some((tab) => tab.uuid === uuid);
  }

  /** Apply the agent's list of terminals. Returns the uuids of those that are gone. */
  sync(listed: readonly ProcessInfo[], active: readonly string[]): string[] {
    const gone = this.#tabs.filter((tab) => !listed.some(({ uuid }) => uuid === tab.uuid)).map(({ uuid }) => uuid);
    this.#tabs = listed.map(({ uuid, name, createdAt, exited }) => {
      const unseen = this.#tabs.find((tab) => tab.uuid === uuid)?.unseen ?? false;
      return { uuid, name: shownName(name), createdAt, unseen, exit: exitText(exited) };
    });
    this.#sort();
    const shown = this.#shown.filter((uuid) => this.has(uuid));
    this.#show(shown.length > 0 ? shown : active.filter((uuid) => this.has(uuid)));
    return gone;
  }

  /** Sort by the user's order; new terminals come last. */
  #sort(): void {
    const order = this.storage.order;
    const rank = (uuid: string) => (order.includes(uuid) ? order.indexOf(uuid) : order.length);
    this.#tabs.sort((one, other) => rank(one.uuid) - rank(other.uuid) || one.createdAt - other.createdAt);
  }

  #show(uuids: readonly string[]): void {
    this.#shown = uuids;
    this.storage.shown = uuids;
    this.#tabs = this.#tabs.map((tab) => (uuids.includes(tab.uuid) && tab.unseen ? { ...tab, unseen: false } : tab));
  }

  /** Show these terminals. A terminal that was just requested may not be in the list yet. */
  show(uuids: readonly string[]): void {
    this.#show(uuids);
  }

  add(uuid: string, name: string, createdAt: number): void {
    if (!this.has(uuid)) this.#tabs = [...this.#tabs, { uuid, name: shownName(name), createdAt, unseen: false }];
    else this.rename(uuid, name);
    this.#show([uuid]);
  }

  rename(uuid: string, name: string): void {
    this.#tabs = this.#tabs.map((tab) => (tab.uuid === uuid ? { ...tab, name: shownName(name) } : tab));
  }

  /** Record that a tab's shell has ended. The tab stays. */
  exited(uuid: string, exit: string): void {
    this.#tabs = this.#tabs.map((tab) => (tab.uuid === uuid ? { ...tab, exit } : tab));
  }

  hasEnded(uuid: string): boolean {
    return this.#tabs.some((tab) => tab.uuid === uuid && typeof tab.exit === "string");
  }

  remove(uuid: string): void {
    this.#tabs = this.#tabs.filter((tab) => tab.uuid !== uuid);
    this.#show(this.#shown.filter((one) => one !== uuid));
  }

  reorder(uuids: readonly string[]): void {
    this.storage.order = uuids;
    this.#sort();
  }

  /** Mark unseen output in a hidden tab. Returns whether that changed the tab. */
  printed(uuid: string): boolean {
    const tab = this.#tabs.find((one) => one.uuid === uuid);
    if (tab === undefined || tab.unseen || this.#shown.includes(uuid)) return false;
    this.#tabs = this.#tabs.map((one) => (one === tab ? { ...one, unseen: true } : one));
    return true;
  }

  clear(): void {
    this.#tabs = [];
    this.#shown = [];
  }

  /** Load which terminals were shown last on the machine that is now in use. */
  load(): void {
    this.#shown = this.storage.shown;
  }
}
