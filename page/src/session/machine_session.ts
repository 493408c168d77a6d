/**
 * The page's session with a machine, as views use it (see `types.ts`). Connects its parts, which do the work:
 *
 * - `MachineConnection`: the paths to the agent
 * - `Inbound`, `Outbound`: messages from the agent and to it
 * - `Terminals`: tabs and output
 * - `MachineChoice`: pairing, and the machines that this browser knows
 * - `Combinations`, `AccountSettings`, `HealthRequests`
 */

import type { Environment } from "../platform/environment";
import type { Introduction } from "../protocol/messages";
import { AccountSettings } from "./account_settings";
import { Combinations } from "./combinations";
import { Emitter } from "./emitter";
import { HealthRequests } from "./health_request";
import { Inbound } from "./inbound";
import { MachineChoice } from "./machine_choice";
import { MachineConnection } from "./machine_connection";
import { machineName } from "./machines";
import { PageStorage } from "./page_storage";
import { Terminals } from "./terminals";
import type { Combination, Connection, Health, KnownMachine, OwnKeys, Session, SessionEvents, Settings, Tab, UnknownMachineLink } from "./types";

export class MachineSession implements Session {
  readonly #emitter = new Emitter();
  readonly #storage: PageStorage;
  readonly #machines: MachineChoice;
  readonly #connection: MachineConnection;
  readonly #inbound: Inbound;
  readonly #terminals: Terminals;
  readonly #combinations: Combinations;
  readonly #settings: AccountSettings;
  readonly #healthRequests: HealthRequests;

  constructor(private readonly environment: Environment) {
    this.#storage = new PageStorage(environment);
    this.#machines = new MachineChoice(this.#storage, environment, { use: (change) => this.#use(change), changed: () => this.#machinesChanged() });
    this.#settings = new AccountSettings(environment, this.#storage, (settings) => this.#emitter.emit("settings", settings));
    this.#healthRequests = new HealthRequests(environment);
    this.#connection = new MachineConnection(environment, this.#storage, {
      changed: () => this.#changed(),
      secured: (peer) => this.#secured(peer),
      received: (frame, path) => this.#inbound.receive(frame, path),
      settings: (found) => this.#settings.received(found),
      lost: () => this.#healthRequests.fail("The connection to the machine was lost."),
      unsent: (uuid) => this.#emitter.emit("trouble", "Not sent: this page is not connected to the machine.", uuid),
    });
    const { outbound } = this.#connection;
    this.#terminals = new Terminals(this.#storage, outbound, this.#emitter);
    this.#combinations = new Combinations(
      this.#storage,
      (event, payload) => outbound.send(event, payload),
      () => this.#emitter.emit("ownKeys", this.ownKeys),
    );
    this.#inbound = new Inbound({
      connection: this.#connection,
      terminals: this.#terminals,
      combinations: this.#combinations,
      healthRequests: this.#healthRequests,
      emitter: this.#emitter,
    });
  }

  // -- state

  get connection(): Connection {
    return this.#connection.state;
  }

  get machines(): readonly KnownMachine[] {
    return this.#machines.known;
  }

  get tabs(): readonly Tab[] {
    return this.#terminals.tabs;
  }

  get settings(): Settings {
    return this.#settings.current;
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

  // -- the connection

  open(): void {
    this.#connection.open();
  }

  close(): void {
    this.#healthRequests.fail("The page was closed.");
    this.#connection.close();
  }

  wake(): void {
    this.#connection.wake();
  }

  tryAgain(): void {
    this.#connection.tryAgain();
  }

  #secured({ name, features }: Introduction): void {
    const { machine } = this.#storage;
    if (machine !== null) this.#storage.change(machine.id, { name: machineName(name) });
    this.#combinations.begin(features);
    void this.#settings.refresh();
    this.#machinesChanged();
  }

  // -- machines

  pair(link: string, confirm: (link: UnknownMachineLink) => Promise<boolean> = async () => false): Promise<void> {
    return this.#machines.pair(link, confirm);
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

  /** Leave the machine that is used, and use the one that `change` chooses. */
  #use(change: () => void): void {
    this.#connection.leave();
    this.#terminals.clear();
    change();
    this.#combinations.end();
    this.#connection.restart();
    this.#terminals.load();
    this.#machinesChanged();
  }

  // -- terminals

  create(cols: number, rows: number, name?: string): string {
    const uuid = this.environment.uuid();
    this.#terminals.create(uuid, cols, rows, name);
    return uuid;
  }

  rename(uuid: string, name: string): void {
    this.#terminals.rename(uuid, name);
  }

  terminate(uuid: string): void {
    this.#terminals.terminate(uuid);
  }

  show(uuids: readonly string[]): void {
    this.#terminals.show(uuids);
  }

  reorder(uuids: readonly string[]): void {
    this.#terminals.reorder(uuids);
  }

  input(uuid: string, data: string): boolean {
    return this.#terminals.input(uuid, data);
  }

  resize(uuid: string, cols: number, rows: number): void {
    this.#terminals.resize(uuid, cols, rows);
  }

  dropScreen(uuid: string): void {
    this.#terminals.dropScreen(uuid);
  }

  // -- the assistant

  prompt(text: string, uuid: string): void {
    this.#connection.outbound.request("ai:prompt", { prompt: text, uuid }, uuid);
  }

  cancel(uuid?: string): void {
    this.#connection.outbound.send("ai:cancel", uuid === undefined ? {} : { uuid });
  }

  approve(id: string, ok: boolean): void {
    this.#connection.outbound.send("ai:approve", { id, ok });
  }

  // -- the rest

  health(): Promise<Health> {
    return this.#healthRequests.ask(() => this.#connection.outbound.send("system:health", {}));
  }

  putSettings(changes: Settings): Promise<void> {
    return this.#settings.put(changes);
  }

  putOwnKeys(list: readonly Combination[]): void {
    this.#combinations.put(list);
  }
}
