/** The session with one machine: keeps a way to its agent, and says what comes of it (see `types`). */

import type { Frame } from "../protocol/frame";
import { dispatch, type Handlers } from "../protocol/handlers";
import type { Description, FromAgent, FromPhone, Introduction, Output, ProcessesSync } from "../protocol/messages";
import { DataChannel } from "../transport/data_channel";
import { Offsets, type Outgoing } from "../transport/offsets";
import type { Ending } from "../transport/pairing_endings";
import { RelaySession, type Progress } from "../transport/relay_session";
import { type Attempt, Attempts } from "./attempts";
import { Backoff } from "./backoff";
import { Combinations } from "./combinations";
import { Emitter } from "./emitter";
import type { Environment } from "../platform/environment";
import { exitText } from "./exit_text";
import { type AskAboutLink, MachineChoice } from "./machine_choice";
import { type Machine, machineName, nameOf } from "./machines";
import { MessageOrder } from "./message_order";
import { Heartbeat } from "./heartbeat";
import { HealthRequests } from "./health_request";
import { getSettings, putSettings, readSettings } from "./relay_settings";
import { PageStorage } from "./page_storage";
import { TabList } from "./tab_list";
import type { AssistantEvent, Combination, Connection, Health, KnownMachine, OwnKeys, Path, Session, SessionEvents, Settings, ConnectionStage, Tab } from "./types";

/** How long a new link's credentials, or those of before, wait for the machine before the others are tried. */
const TURN_MS = 15_000;

/** Characters of one input message: with every one of them escaped it still fits into a frame. */
const INPUT_PIECE = 8192;

/** A connection that takes longer than this on waking up is tried anew. */
const TOO_LONG_MS = 1500;

const HELD_BACK = "The relay held messages back, so that they came late or not at all; the connection was ended.";

const WAITS: Readonly<Record<ConnectionStage, string | null>> = {
  linking: "a link to a machine",
  offline: "the relay",
  "signing-in": "the relay to let this browser in",
  waiting: "the machine",
  securing: "the machine to prove itself",
  ready: null,
  refused: null,
};

export class MachineSession implements Session {
  readonly #emitter = new Emitter();
  readonly #storage: PageStorage;
  readonly #machines: MachineChoice;
  readonly #backoff: Backoff;
  readonly #heartbeat: Heartbeat;
  readonly #healthRequests: HealthRequests;
  readonly #order: MessageOrder;
  #offsets = new Offsets();
  readonly #tabs: TabList;
  readonly #sizes = new Map<string, readonly [number, number]>(); // bounded by the tabs
  #relay: RelaySession | null = null;
  #channel: DataChannel | null = null;
  #progress: Progress = "offline";
  #problem: string | null = null;
  #refused = false;
  #latency: number | null = null;
  #wanted = false;
  #triedAt = 0;
  #cancelRetry: () => void = () => undefined;
  #settings: Settings;
  readonly #combinations: Combinations;
  /** A first terminal was asked for, and is not there yet. */
  #hasAskedForFirst = false;
  readonly #attempts = new Attempts();
  #cancelTurn: () => void = () => undefined;
  /** Views close all terminals now: what they show instead is not the person's choice. */
  #isClearing = false;

  constructor(private readonly environment: Environment) {
    this.#storage = new PageStorage(environment);
    this.#machines = new MachineChoice(this.#storage, environment, { use: (change) => this.#use(change), changed: () => this.#machinesChanged() });
    this.#backoff = new Backoff(environment.random);
    this.#tabs = new TabList(this.#storage);
    this.#settings = this.#storage.settings;
    this.#healthRequests = new HealthRequests(environment);
    this.#order = new MessageOrder(
      {
        said: (said, path) => this.#hear(said, path),
        channelLost: () => this.#channel?.close(),
        broken: () => this.#orderBroken(HELD_BACK),
      },
      environment.after,
    );
    this.#combinations = new Combinations(
      this.#storage,
      (event, payload) => this.#send(event, payload),
      () => this.#emitter.emit("ownKeys", this.ownKeys),
    );
    this.#heartbeat = new Heartbeat({
      now: environment.now,
      after: environment.after,
      isVisible: environment.isVisible,
      send: (nonce) => this.#send("system:echo", { nonce }),
      beat: (milliseconds) => this.#beat(milliseconds),
      dead: () => this.#pathIsDead(),
    });
  }

  // -- what there is

  get connection(): Connection {
    const stage = this.#stage;
    const { machine } = this.#storage;
    return {
      stage,
      path: this.#path,
      latencyMs: stage === "ready" ? this.#latency : null,
      waitingFor: WAITS[stage],
      problem: this.#problem,
      machine: machine && nameOf(machine),
    };
  }

  get #stage(): ConnectionStage {
    if (this.#storage.machine === null) return "linking";
    if (this.#path !== null) return "ready";
    return this.#refused ? "refused" : this.#progress === "ready" ? "waiting" : this.#progress;
  }

  get #path(): Path | null {
    if (this.#channel?.open) return "channel";
    return this.#relay?.ready ? "relay" : null;
  }

  get machines(): readonly KnownMachine[] {
    return this.#machines.known;
  }

  get tabs(): readonly Tab[] {
    return this.#tabs.tabs;
  }

  get settings(): Settings {
    return this.#settings;
  }

  get ownKeys(): OwnKeys {
    return this.#combinations.now;
  }

  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void {
    return this.#emitter.on(event, listener);
  }

  #changed(): void {
    this.#emitter.emit("connection", this.connection);
  }

  #machinesChanged(): void {
    this.#emitter.emit("machines", this.machines);
    this.#changed();
  }

  #tabsChanged(): void {
    this.#emitter.emit("tabs", this.#tabs.tabs);
  }

  // -- the connection

  open(): void {
    this.#wanted = true;
    if (!this.#storage.lasts) this.#problem = "This browser keeps nothing: the machine has to be linked again next time.";
    this.#connect();
    this.#changed();
  }

  close(): void {
    this.#wanted = false;
    this.#cancelRetry();
    this.#heartbeat.stop();
    this.#healthRequests.fail("The page was closed.");
    this.#channel?.close();
    this.#leave();
  }

  wake(): void {
    if (!this.#wanted) return;
    if (this.#path !== null) this.#heartbeat.check();
    else if (this.#refused) return;
    else if (this.#relay === null || this.#tried > TOO_LONG_MS) this.#again(); // a relay that is silent may be gone
  }

  tryAgain(): void {
    this.#attempts.reset();
    if (this.#path !== null) this.#heartbeat.check();
    else if (this.#wanted) this.#again();
  }

  /** Milliseconds since the relay was asked for a connection. */
  get #tried(): number {
    return this.environment.now() - this.#triedAt;
  }

  /** Connect now, whatever was tried before. */
  #again(): void {
    this.#backoff.reset();
    this.#leave();
    this.#connect();
  }

  /** End the connection to the relay; another try is not planned, nor counted against what was tried. */
  #leave(): void {
    this.#cancelRetry();
    this.#cancelTurn();
    const relay = this.#relay;
    this.#relay = null;
    this.#progress = "offline";
    relay?.close();
    if (!this.#channel?.open) this.#pathLost();
  }

  #connect(): void {
    const machine = this.#storage.machine;
    if (!this.#wanted || this.#relay !== null || machine === null) return;
    this.#cancelRetry();
    this.#refused = false;
    this.#progress = "offline";
    this.#triedAt = this.environment.now();
    const { id } = machine;
    const attempt = this.#attempts.next(machine);
    const relay: RelaySession = new RelaySession(this.environment, machine, attempt, {
      progress: (progress, problem) => this.#progressed(progress, problem),
      signedIn: (token) => this.#change(id, (known) => this.#attempts.signedIn(attempt, token, known)),
      secured: (peer) => this.#secured(id, peer),
      proven: () => this.#change(id, (known) => this.#attempts.proven(attempt, known)),
      received: (frame) => this.#order.came(frame, "relay"),
      settings: (settings) => this.#take(readSettings(settings)),
      ended: (ending) => this.#relayEnded(relay, attempt, ending),
    });
    this.#relay = relay;
  }

  /** Change what is kept of a machine. */
  #change(id: string, change: (machine: Machine) => Partial<Machine>): void {
    const machine = this.#storage.machines.find((one) => one.id === id);
    if (machine !== undefined) this.#storage.change(id, change(machine));
  }

  #progressed(progress: Progress, problem: string | null): void {
    this.#progress = progress;
    if (progress === "ready") this.#order.begin(this.#relay?.isOrdered ?? false);
    if (problem !== null || progress === "ready") this.#problem = problem;
    if (this.#path === null) this.#pathLost();
    this.#cancelTurn();
    if (progress === "waiting" && this.#storage.machine?.renewal) this.#cancelTurn = this.environment.after(TURN_MS, () => this.#relay?.close());
    this.#changed();
  }

  #secured(id: string, { name, features }: Introduction): void {
    this.#storage.change(id, { name: machineName(name) });
    this.#emitter.emit("machines", this.machines);
    this.#channel?.close(); // the agent begins another one for this session
    this.#channel = null;
    this.#backoff.reset();
    this.#problem = null;
    this.#heartbeat.start();
    this.#combinations.begin(features);
    void this.#getSettings();
    this.#changed();
  }

  #relayEnded(relay: RelaySession, attempt: Attempt, ending: Ending): void {
    if (this.#relay !== relay) return;
    const { problem, replaced } = ending;
    const final = this.#attempts.failed(attempt, ending, this.#storage.machine);
    this.#relay = null;
    this.#progress = "offline";
    this.#cancelTurn();
    this.#refused = final;
    if (problem !== null && !this.#channel?.open) this.#problem = problem;
    if (!this.#channel?.open) this.#pathLost();
    if (!final && !replaced) this.#retry();
    this.#changed();
  }

  /** Try again later; while the channel is open the agent is reached, and needs no relay. */
  #retry(): void {
    if (!this.#wanted || this.#channel?.open) return;
    this.#cancelRetry();
    this.#cancelRetry = this.environment.after(this.#backoff.wait(), () => this.#connect());
  }

  #pathLost(): void {
    this.#heartbeat.stop();
    this.#latency = null;
    this.#healthRequests.fail("The connection was lost.");
  }

  #beat(milliseconds: number): void {
    this.#latency = milliseconds;
    this.#changed();
  }

  /** Nothing comes back: do without that path. */
  #pathIsDead(): void {
    if (this.#channel?.open) {
      this.#channel.close();
      if (this.#path !== null) this.#heartbeat.check(); // the other one, too, may be dead
      return;
    }
    this.#problem = "The machine does not answer.";
    this.#again();
  }

  // -- the data channel

  #offered(offer: Description): void {
    this.#channel?.close();
    const connection = this.environment.peer();
    if (connection === null) return;
    const channel: DataChannel = new DataChannel(
      connection,
      {
        answer: (answer) => void this.#relay?.send("webrtc:answer", { answer }, this.#order.next),
        opened: () => this.#pathChanged(),
        received: (frame) => this.#order.came(frame, "channel"),
        ended: () => this.#channelEnded(channel),
      },
      this.environment.after,
    );
    this.#channel = channel;
    void channel.accept(offer);
  }

  #channelEnded(channel: DataChannel): void {
    if (this.#channel !== channel) return;
    this.#channel = null;
    this.#order.channelEnded();
    if (this.#relay?.ready) this.#pathChanged();
    else this.#pathLost();
    if (this.#relay === null) this.#again();
    this.#changed();
  }

  #pathChanged(): void {
    this.#latency = null;
    this.#heartbeat.start();
    this.#changed();
  }

  /** What came late is not done, and something before it may be lost: begin again. */
  #orderBroken(problem: string): void {
    this.#channel?.close();
    this.#relay?.close();
    this.#problem = problem;
    this.#changed();
  }

  // -- messages

  #send<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event]): boolean {
    return this.#sendBy("channel", event, payload) || this.#sendBy("relay", event, payload);
  }

  #sendBy<Event extends keyof FromPhone>(path: Path, type: Event, payload: FromPhone[Event]): boolean {
    const isSent = (path === "channel" ? this.#channel : this.#relay)?.send(type, payload, this.#order.next) ?? false;
    if (isSent) this.#order.sent();
    return isSent;
  }

  /** Answer by the path that was asked by; the agent goes by that. */
  #answer(messages: readonly Outgoing[], path: Path): void {
    for (const [event, payload] of messages) this.#sendBy(path, event, payload);
  }

  #hear({ type, payload }: Frame, path: Path): void {
    const content = (payload ?? {}) as Record<string, unknown>;
    if (type.startsWith("ai:")) this.#emitter.emit("assistant", { ...content, type: type.slice(3) } as unknown as AssistantEvent);
    else dispatch(this.#handlers, type, content, path);
  }

  readonly #handlers: Handlers<{ readonly [Event in keyof FromAgent as Event extends `ai:${string}` ? never : Event]: FromAgent[Event] }, [path: Path]> = {
    "webrtc:offer": ({ offer }, path) => path === "relay" && this.#offered(offer),
    "webrtc:ice-candidate": ({ candidate }, path) => path === "relay" && this.#channel?.candidate(candidate ?? null),
    "processes:sync": (payload, path) => this.#sync(payload, path),
    "process:created": ({ uuid, name }) => {
      this.#tabs.add(String(uuid), String(name), Date.now());
      this.#sawTerminal();
      this.#tabsChanged();
    },
    "process:renamed": ({ uuid, name }) => {
      this.#tabs.rename(String(uuid), String(name));
      this.#tabsChanged();
    },
    "process:terminated": ({ uuid }) => this.#ended(String(uuid)),
    "process:exited": ({ uuid, exited, kept }) => {
      const exit = exitText(exited);
      if (kept !== true || exit === null) return this.#ended(String(uuid));
      this.#tabs.exited(String(uuid), exit);
      this.#tabsChanged();
    },
    "process:error": ({ uuid, error }) => this.#emitter.emit("trouble", String(error), typeof uuid === "string" && uuid !== "" ? uuid : null),
    "process:screen": (payload, path) => this.#show("process:screen", payload, path),
    "terminal:output": (payload, path) => this.#show("terminal:output", payload, path),
    "process:printed": ({ uuid }) => {
      if (this.#tabs.printed(String(uuid))) this.#tabsChanged();
    },
    "e2e:refused": ({ message }, path) => path === "channel" && this.#orderBroken(String(message)),
    "system:echo": ({ nonce }) => this.#heartbeat.echoed(nonce),
    "keys:state": ({ combinations }) => this.#combinations.take(combinations),
    "system:health": (health) => this.#healthRequests.answer(health),
    "system:message": () => undefined,
  };

  #sync(sync: ProcessesSync, path: Path): void {
    const gone = this.#tabs.sync(sync.processes, sync.activeUuids ?? []);
    for (const { uuid, end } of sync.processes) {
      const seen = this.#offsets.end(uuid);
      if (end !== undefined && seen !== null && end > seen) this.#tabs.printed(uuid);
    }
    const answers = this.#offsets.sync(sync, path);
    if (sync.resume !== false) this.#answer([["process:switch", { activeUuids: [...this.#tabs.shown] }]], path);
    this.#answer(answers, path);
    for (const uuid of gone) this.#forget(uuid);
    for (const [uuid, [cols, rows]] of this.#sizes) this.#send("terminal:resize", { uuid, cols, rows });
    this.#tabsChanged();
    this.#changed();
    if (sync.processes.some((one) => !("exited" in one))) this.#sawTerminal();
    else this.#askForFirst();
  }

  /** Once for each link, and not for each path on which the list of terminals comes. */
  #askForFirst(): void {
    if (this.#hasAskedForFirst || this.#storage.machine?.isNew !== true) return;
    this.#hasAskedForFirst = true;
    this.#emitter.emit("firstContact");
  }

  #sawTerminal(): void {
    const { machine } = this.#storage;
    if (machine?.isNew) this.#storage.change(machine.id, { isNew: false });
  }

  #ended(uuid: string): void {
    if (!this.#tabs.has(uuid)) return;
    this.#tabs.remove(uuid);
    this.#forget(uuid);
    this.#tabsChanged();
  }

  #forget(uuid: string): void {
    this.#sizes.delete(uuid);
    this.#emitter.emit("ended", uuid);
  }

  #show(type: "process:screen" | "terminal:output", output: Output, path: Path): void {
    const { uuid, data, offset, end, skipped } = output;
    const stream = this.#offsets.stream(uuid);
    const [isShown, answers] = this.#offsets.take(type, output, path);
    this.#answer(answers, path);
    if (!isShown) return;
    let isReported = false;
    const rendered = () => {
      if (isReported) return;
      isReported = true;
      for (const [event, about] of this.#offsets.rendered(uuid, end ?? null, stream)) this.#send(event, about);
    };
    const reset = type === "process:screen";
    const replayed = reset || (offset === undefined && this.#offsets.areUsed);
    this.#emitter.emit("output", { uuid, data, reset, replayed, skipped: skipped ?? 0, rendered });
  }

  // -- what the person does

  link(text: string, agree: AskAboutLink = async () => false): Promise<void> {
    return this.#machines.link(text, agree);
  }

  choose(id: string): void {
    this.#machines.choose(id);
  }

  renameMachine(id: string, name: string): void {
    this.#machines.rename(id, name);
  }

  forget(id = this.#storage.machine?.id): void {
    this.#machines.forget(id);
  }

  /** Leave the machine that is used; `change` says which one is used next. */
  #use(change: () => void): void {
    const channel = this.#channel;
    this.#channel = null;
    channel?.close();
    this.#leave();
    this.#order.begin(false); // drop messages of the machine before
    this.#clear();
    change();
    this.#tabs.load();
    this.#combinations.end();
    this.#attempts.reset();
    this.#refused = false;
    this.#again();
    this.#tabsChanged();
    this.#machinesChanged();
  }

  /** Nothing of a machine is shown any more. */
  #clear(): void {
    const open = this.#tabs.tabs;
    this.#tabs.clear();
    this.#isClearing = true;
    for (const { uuid } of open) this.#forget(uuid);
    this.#isClearing = false;
    this.#sizes.clear();
    this.#offsets = new Offsets();
    this.#problem = null;
    this.#hasAskedForFirst = false;
  }

  create(cols: number, rows: number, name?: string): string {
    const uuid = this.environment.uuid();
    this.#do("process:create", { uuid, cols, rows, ...(name === undefined ? {} : { name }) }, uuid);
    return uuid;
  }

  rename(uuid: string, name: string): void {
    this.#do("process:rename", { uuid, name }, uuid);
  }

  terminate(uuid: string): void {
    this.#do("process:terminate", { uuid }, uuid);
  }

  /** Send it, or say that it can't be sent. */
  #do<Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event], uuid: string): void {
    if (!this.#send(event, payload)) this.#emitter.emit("trouble", "There is no connection to the machine now.", uuid);
  }

  show(uuids: readonly string[]): void {
    if (this.#isClearing) return;
    this.#tabs.show(uuids);
    this.#send("process:switch", { activeUuids: [...this.#tabs.shown] });
    this.#tabsChanged();
  }

  reorder(uuids: readonly string[]): void {
    this.#tabs.reorder(uuids);
    this.#tabsChanged();
  }

  input(uuid: string, data: string): boolean {
    if (this.#tabs.hasEnded(uuid)) return true; // nobody reads it
    for (let at = 0; at < data.length; ) {
      let end = Math.min(at + INPUT_PIECE, data.length);
      if (end < data.length && isHighSurrogate(data.charCodeAt(end - 1))) end -= 1; // no character is cut
      if (!this.#send("terminal:input", { uuid, data: data.slice(at, end) })) return false;
      at = end;
    }
    return this.#path !== null;
  }

  resize(uuid: string, cols: number, rows: number): void {
    if (!this.#tabs.has(uuid)) return;
    this.#sizes.set(uuid, [cols, rows]);
    this.#send("terminal:resize", { uuid, cols, rows });
  }

  dropScreen(uuid: string): void {
    for (const [type, payload] of this.#offsets.drop(uuid)) this.#send(type, payload);
  }

  prompt(text: string, uuid: string): void {
    this.#do("ai:prompt", { prompt: text, uuid }, uuid);
  }

  cancel(uuid?: string): void {
    this.#send("ai:cancel", uuid === undefined ? {} : { uuid });
  }

  approve(id: string, ok: boolean): void {
    this.#send("ai:approve", { id, ok });
  }

  health(): Promise<Health> {
    return this.#healthRequests.ask(() => this.#send("system:health", {}));
  }

  putOwnKeys(list: readonly Combination[]): void {
    this.#combinations.put(list);
  }

  // -- settings

  get #token(): string | null {
    return this.#storage.machine?.credentials.token ?? null;
  }

  async #getSettings(): Promise<void> {
    const token = this.#token;
    if (token === null) return;
    const settings = await getSettings(this.environment, token).catch(() => null); // those of this browser do
    if (settings !== null) this.#take(settings);
  }

  async putSettings(changes: Settings): Promise<void> {
    this.#take(readSettings({ ...this.#settings, ...changes }));
    const token = this.#token;
    if (token !== null) this.#take(await putSettings(this.environment, token, changes));
  }

  #take(settings: Settings): void {
    this.#settings = this.#storage.settings = settings;
    this.#emitter.emit("settings", settings);
  }
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00;
