/** The machine's terminals on this page: their tabs, their sizes, and the position up to which their output was shown. */

import type { Output, ProcessExited, ProcessesSync } from "../protocol/messages";
import { Offsets } from "../transport/offsets";
import type { Emitter } from "./emitter";
import { exitText } from "./exit_text";
import type { Outbound } from "./outbound";
import type { PageStorage } from "./page_storage";
import { TabList } from "./tab_list";
import type { Path, Tab } from "./types";

export class Terminals {
  readonly #tabs: TabList;
  readonly #sizes = new Map<string, readonly [number, number]>(); // bounded by the tabs
  #offsets = new Offsets();
  /** The view was already asked to create a first terminal on this machine. */
  #hasAskedForFirst = false;
  /** The terminals are being closed: what views show instead is not the user's choice. */
  #isClearing = false;

  constructor(
    private readonly storage: PageStorage,
    private readonly outbound: Outbound,
    private readonly emitter: Emitter,
  ) {
    this.#tabs = new TabList(storage);
  }

  get tabs(): readonly Tab[] {
    return this.#tabs.tabs;
  }

  #tabsChanged(): void {
    this.emitter.emit("tabs", this.#tabs.tabs);
  }

  // -- events of the agent

  sync(sync: ProcessesSync, path: Path): void {
    const gone = this.#tabs.sync(sync.processes, sync.activeUuids ?? []);
    for (const { uuid, end } of sync.processes) {
      const seen = this.#offsets.end(uuid);
      if (end !== undefined && seen !== null && end > seen) this.#tabs.printed(uuid);
    }
    const answers = this.#offsets.sync(sync, path);
    if (sync.resume !== false) this.outbound.answer([["process:switch", { activeUuids: [...this.#tabs.shown] }]], path);
    this.outbound.answer(answers, path);
    for (const uuid of gone) this.#forget(uuid);
    for (const [uuid, [cols, rows]] of this.#sizes) this.outbound.send("terminal:resize", { uuid, cols, rows });
    this.#tabsChanged();
    if (sync.processes.some((one) => !("exited" in one))) this.#sawTerminal();
    else this.#askForFirst();
  }

  created(uuid: string, name: string): void {
    this.#tabs.add(uuid, name, Date.now());
    this.#sawTerminal();
    this.#tabsChanged();
  }

  renamed(uuid: string, name: string): void {
    this.#tabs.rename(uuid, name);
    this.#tabsChanged();
  }

  /** Record that a shell has ended. The tab stays while the agent keeps the terminal's last screen. */
  exited({ uuid, exited, kept }: ProcessExited): void {
    const exit = exitText(exited);
    if (kept !== true || exit === null) return this.terminated(String(uuid));
    this.#tabs.exited(String(uuid), exit);
    this.#tabsChanged();
  }

  terminated(uuid: string): void {
    if (!this.#tabs.has(uuid)) return;
    this.#tabs.remove(uuid);
    this.#forget(uuid);
    this.#tabsChanged();
  }

  /** Mark the tab of a hidden terminal that has printed. */
  printed(uuid: string): void {
    if (this.#tabs.printed(uuid)) this.#tabsChanged();
  }

  /** Show output, unless it was shown already or earlier output is missing. */
  output(type: "process:screen" | "terminal:output", output: Output, path: Path): void {
    const { uuid, data, offset, end, skipped } = output;
    const stream = this.#offsets.stream(uuid);
    const [isShown, answers] = this.#offsets.take(type, output, path);
    this.outbound.answer(answers, path);
    if (!isShown) return;
    let isReported = false;
    const rendered = () => {
      if (isReported) return;
      isReported = true;
      for (const [event, payload] of this.#offsets.rendered(uuid, end ?? null, stream)) this.outbound.send(event, payload);
    };
    const reset = type === "process:screen";
    const replayed = reset || (offset === undefined && this.#offsets.areUsed);
    this.emitter.emit("output", { uuid, data, reset, replayed, skipped: skipped ?? 0, rendered });
  }

  /** Ask the view to create a terminal, once for each invitation link. The list may arrive more often. */
  #askForFirst(): void {
    if (this.#hasAskedForFirst || this.storage.machine?.isNew !== true) return;
    this.#hasAskedForFirst = true;
    this.emitter.emit("firstContact");
  }

  #sawTerminal(): void {
    const { machine } = this.storage;
    if (machine?.isNew) this.storage.change(machine.id, { isNew: false });
  }

  #forget(uuid: string): void {
    this.#sizes.delete(uuid);
    this.emitter.emit("ended", uuid);
  }

  // -- actions of the user

  create(uuid: string, cols: number, rows: number, name?: string): void {
    this.outbound.request("process:create", { uuid, cols, rows, ...(name === undefined ? {} : { name }) }, uuid);
  }

  rename(uuid: string, name: string): void {
    this.outbound.request("process:rename", { uuid, name }, uuid);
  }

  terminate(uuid: string): void {
    this.outbound.request("process:terminate", { uuid }, uuid);
  }

  show(uuids: readonly string[]): void {
    if (this.#isClearing) return;
    this.#tabs.show(uuids);
    this.outbound.send("process:switch", { activeUuids: [...this.#tabs.shown] });
    this.#tabsChanged();
  }

  reorder(uuids: readonly string[]): void {
    this.#tabs.reorder(uuids);
    this.#tabsChanged();
  }

  /** Type into a terminal. Returns false when it could not be sent; nothing is kept for later. */
  input(uuid: string, data: string): boolean {
    return this.#tabs.hasEnded(uuid) || this.outbound.input(uuid, data); // after the end nothing reads input
  }

  resize(uuid: string, cols: number, rows: number): void {
    if (!this.#tabs.has(uuid)) return;
    this.#sizes.set(uuid, [cols, rows]);
    this.outbound.send("terminal:resize", { uuid, cols, rows });
  }

  /** Record that the view has discarded a terminal's screen. */
  dropScreen(uuid: string): void {
    for (const [event, payload] of this.#offsets.drop(uuid)) this.outbound.send(event, payload);
  }

  // -- another machine

  /** Close the tabs of the machine, which is no longer used. */
  clear(): void {
    const open = this.#tabs.tabs;
    this.#tabs.clear();
    this.#isClearing = true;
    for (const { uuid } of open) this.#forget(uuid);
    this.#isClearing = false;
    this.#sizes.clear();
    this.#offsets = new Offsets();
    this.#hasAskedForFirst = false;
  }

  /** Load the stored tabs of the machine that is now in use. */
  load(): void {
    this.#tabs.load();
    this.#tabsChanged();
  }
}
