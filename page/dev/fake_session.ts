/**
 * A session without a machine, for the dev page and for tests: fake shells, with the real session's rules for output (a window of
 * unrendered output, hidden terminals wait, and a dropped screen is sent again).
 */

import type { AiStep, AssistantEvent, Combination, Connection, Health, KnownMachine, TerminalOutput, OwnKeys, Session, SessionEvents, Settings, Tab } from "../src/session/types";
import { FakeShell } from "./fake_shell";

const WINDOW = 256 * 1024;
const RING = 64 * 1024;
const CHUNK = 16 * 1024;

interface Running {
  readonly shell: FakeShell;
  name: string;
  readonly createdAt: number;
  waiting: string;
  ring: string;
  inFlight: number;
  unseen: boolean;
  needsScreen: boolean;
}

type Listeners = { [K in keyof SessionEvents]: Set<SessionEvents[K]> };

export class FakeSession implements Session {
  connection: Connection = { stage: "unpaired", path: null, latencyMs: null, waitingFor: null, problem: null, machine: null };
  machines: readonly KnownMachine[] = [];
  settings: Settings = {};
  ownKeys: OwnKeys = { list: null, isSettled: true };
  /** The last 500 calls of views: the method and its arguments. */
  readonly calls: [string, ...unknown[]][] = [];
  readonly #listeners: Listeners = { connection: new Set(), machines: new Set(), tabs: new Set(), output: new Set(), ended: new Set(), firstContact: new Set(), trouble: new Set(), assistant: new Set(), settings: new Set(), ownKeys: new Set() };
  readonly #running = new Map<string, Running>();
  #shown = new Set<string>();
  #count = 0;

  get tabs(): readonly Tab[] {
    return [...this.#running].map(([uuid, { name, createdAt, unseen }]) => ({ uuid, name, createdAt, unseen }));
  }

  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void {
    const listeners = this.#listeners[event] as Set<SessionEvents[K]>;
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** The number of listeners, to find forgotten ones. */
  get listening(): number {
    return Object.values(this.#listeners).reduce((sum, listeners) => sum + listeners.size, 0);
  }

  emit<K extends keyof SessionEvents>(event: K, ...given: Parameters<SessionEvents[K]>): void {
    for (const listener of [...this.#listeners[event]]) (listener as (...given: unknown[]) => void)(...given);
  }

  be(changes: Partial<Connection>): void {
    this.connection = { ...this.connection, ...changes };
    this.emit("connection", this.connection);
  }

  ready(): void {
    this.#know([{ id: "1", name: "workshop", fingerprint: "0123 4567 89ab cdef", isUsed: true }, { id: "2", name: "attic", fingerprint: "fedc ba98 7654 3210", isUsed: false }]);
    this.be({ stage: "ready", path: "channel", latencyMs: 23, waitingFor: null, problem: null, machine: "workshop" });
  }

  open(): void {
    this.#note("open");
  }

  close(): void {
    this.#note("close");
  }

  wake(): void {
    this.#note("wake");
  }

  tryAgain(): void {
    this.#note("tryAgain");
  }

  choose(id: string): void {
    this.#note("choose", id);
    this.#know(this.machines.map((machine) => ({ ...machine, isUsed: machine.id === id })));
  }

  renameMachine(id: string, name: string): void {
    this.#note("renameMachine", id, name);
    this.#know(this.machines.map((machine) => (machine.id === id ? { ...machine, name } : machine)));
  }

  #know(machines: readonly KnownMachine[]): void {
    this.machines = machines;
    this.emit("machines", machines);
  }

  async pair(text: string): Promise<void> {
    this.#note("pair", text);
    if (!/1\.[^.]+\.[^.]+\.[^.]+\.[^.]+$/.test(text)) throw new Error("This is not a MobiFai link: expected five parts with dots between them after the #. Copy the whole link, or scan the QR code.");
    this.ready();
  }

  forget(id?: string): void {
    this.#note("forget", id);
    this.#know([]);
    this.#running.clear();
    this.emit("tabs", this.tabs);
    this.connection = { stage: "unpaired", path: null, latencyMs: null, waitingFor: null, problem: null, machine: null };
    this.emit("connection", this.connection);
  }

  create(cols: number, rows: number, name?: string): string {
    const uuid = `00000000-0000-4000-8000-${String((this.#count += 1)).padStart(12, "0")}`;
    this.#note("create", cols, rows);
    const shell = new FakeShell((data) => this.#print(uuid, data), () => this.#exit(uuid));
    this.#running.set(uuid, { shell, name: name ?? `Tab ${this.#count}`, createdAt: Date.now(), waiting: "", ring: "", inFlight: 0, unseen: false, needsScreen: false });
    this.#shown = new Set([uuid]);
    this.emit("tabs", this.tabs);
    shell.resize(cols, rows);
    setTimeout(() => shell.start());
    return uuid;
  }

  rename(uuid: string, name: string): void {
    this.#note("rename", uuid, name);
    const running = this.#running.get(uuid);
    if (running) running.name = name;
    this.emit("tabs", this.tabs);
  }

  terminate(uuid: string): void {
    this.#note("terminate", uuid);
    this.#exit(uuid);
  }

  show(uuids: readonly string[]): void {
    this.#note("show", ...uuids);
    this.#shown = new Set(uuids);
    for (const uuid of uuids) this.#reveal(uuid);
    this.emit("tabs", this.tabs);
  }

  reorder(uuids: readonly string[]): void {
    this.#note("reorder", ...uuids);
    const old = new Map(this.#running);
    this.#running.clear();
    for (const uuid of uuids) if (old.has(uuid)) this.#running.set(uuid, old.get(uuid) as Running);
    this.emit("tabs", this.tabs);
  }

  input(uuid: string, data: string): boolean {
    this.#note("input", uuid, data);
    if (this.connection.stage !== "ready") return false;
    setTimeout(() => this.#running.get(uuid)?.shell.input(data), 5);
    return true;
  }

  resize(uuid: string, cols: number, rows: number): void {
    this.#note("resize", uuid, cols, rows);
    this.#running.get(uuid)?.shell.resize(cols, rows);
  }

  dropScreen(uuid: string): void {
    this.#note("dropScreen", uuid);
    const running = this.#running.get(uuid);
    if (running) running.needsScreen = true;
  }

  prompt(text: string, uuid: string): void {
    this.#note("prompt", text, uuid);
    const say = (event: AssistantEvent, ms: number): void => void setTimeout(() => this.emit("assistant", event), ms);
    const conversation = this.#count;
    say({ type: "started", uuid, conversation, prompt: text }, 10);
    say({ type: "message", uuid, conversation, text: "Looking at what is there first." }, 300);
    say({ type: "action", uuid, conversation, turn: 1, action: { type: "keystroke", text: "ls -la build" } }, 600);
    say({ type: "action", uuid, conversation, turn: 1, action: { type: "keystroke", key: "Enter" } }, 700);
    say({ type: "message", uuid, conversation, text: "The model was busy; tried again.", source: "agent" }, 900);
    const actions: AiStep[] = [{ type: "keystroke", text: "rm -rf build", risk: "deletes files" }, { type: "keystroke", key: "Enter" }];
    say({ type: "approval", uuid, conversation, id: `a${Date.now()}`, actions, seconds: 60 }, 1200);
  }

  cancel(uuid?: string): void {
    this.#note("cancel", uuid);
    if (uuid) this.emit("assistant", { type: "finished", uuid, conversation: 1, turns: 1, tokens: 812, outcome: "cancelled" });
  }

  approve(id: string, ok: boolean): void {
    this.#note("approve", id, ok);
    const [uuid] = this.#shown;
    if (uuid) this.emit("assistant", { type: "finished", uuid, conversation: 1, turns: 2, tokens: 1406, outcome: ok ? "done" : "cancelled" });
  }

  async health(): Promise<Health> {
    const bound = (name: string, unit: string, used: number, peak: number, capacity: number, refused = 0, evicted = 0): Health["bounds"][number] => ({ name, unit, used, peak, capacity, refused, evicted });
    return {
      version: "1.0.0", uptimeSeconds: 284_031, memoryBytes: 61_300_000, memoryLimitBytes: 256_000_000, terminals: this.#running.size, worstCaseBytes: 187_000_000,
      facts: [{ label: "Version", value: "1.0.0", unit: "" }, { label: "Uptime", value: 284_031, unit: "seconds" }, { label: "Terminals", value: this.#running.size, unit: "" }, { label: "Worst case", value: 187_000_000, unit: "bytes" }],
      bounds: [
        bound("terminal.ring", "bytes", 812_000, 1_048_576, 1_048_576, 0, 5120), bound("tabs.open", "terminals", this.#running.size, 9, 32), bound("link.outgoing", "bytes", 0, 65_536, 262_144),
        bound("phone.sessions", "phones", 1, 2, 8), bound("assistant.conversation", "messages", 12, 40, 200), bound("relay.sign-in.tries", "tries", 1, 5, 5, 3),
      ],
    };
  }

  async putSettings(changes: Settings): Promise<void> {
    this.#note("putSettings", changes);
    this.settings = { ...this.settings, ...changes };
    this.emit("settings", this.settings);
  }

  putOwnKeys(list: readonly Combination[]): void {
    this.#note("putOwnKeys", list);
    this.ownKeys = { list, isSettled: true };
    this.emit("ownKeys", this.ownKeys);
  }

  #note(...call: [string, ...unknown[]]): void {
    this.calls.push(call);
    if (this.calls.length > 500) this.calls.shift();
  }

  #exit(uuid: string): void {
    if (!this.#running.has(uuid)) return;
    this.#running.get(uuid)?.shell.end();
    this.emit("ended", uuid);
    this.#running.delete(uuid);
    this.emit("tabs", this.tabs);
  }

  #print(uuid: string, data: string): boolean {
    const running = this.#running.get(uuid);
    if (!running) return false;
    running.waiting += data;
    if (this.#shown.has(uuid)) this.#pump(uuid, running);
    else if (!running.unseen) {
      running.unseen = true;
      this.emit("tabs", this.tabs);
    }
    return running.waiting.length < WINDOW;
  }

  #reveal(uuid: string): void {
    const running = this.#running.get(uuid);
    if (!running) return;
    running.unseen = false;
    if (running.needsScreen) {
      running.needsScreen = false;
      this.#send(uuid, running, `\u001bc${running.ring}`, true);
    }
    this.#pump(uuid, running);
  }

  #pump(uuid: string, running: Running): void {
    while (running.waiting !== "" && running.inFlight < WINDOW && this.#shown.has(uuid)) {
      const data = running.waiting.slice(0, CHUNK);
      running.waiting = running.waiting.slice(CHUNK);
      running.ring = (running.ring + data).slice(-RING);
      this.#send(uuid, running, data, false);
    }
    if (running.waiting.length < WINDOW / 2) running.shell.resume();
  }

  #send(uuid: string, running: Running, data: string, reset: boolean): void {
    running.inFlight += data.length;
    let isReported = false;
    const output: TerminalOutput = {
      uuid, data, reset, skipped: 0,
      rendered: () => {
        if (isReported) throw new Error("expected one call of rendered() for each output; found a second one");
        isReported = true;
        running.inFlight -= data.length;
        this.#pump(uuid, running);
      },
    };
    this.emit("output", output);
  }
}
