/**
 * What this browser keeps: the machines that it is linked to, which of them is used, and how the person has arranged
 * things there.
 */

import { newSecret } from "../transport/identity";
import type { Device } from "../transport/machine_identity";
import { readCombinations } from "./combination_list";
import type { Environment } from "../platform/environment";
import { JsonStorage, recordOf, stringOf } from "../platform/json_storage";
import { type Machine, Machines } from "./machines";
import { moveOneMachine } from "./single_machine_migration";
import { readSettings } from "./relay_settings";
import type { Combination, Settings } from "./types";

/** `isUnsent`: changed here, and not known to the machine's agent yet. */
export interface StoredCombinations {
  readonly list: readonly Combination[] | null;
  readonly isUnsent: boolean;
}

/** What is kept for each machine, beside the list of them. */
const OF_ONE = ["order", "shown", "keys"] as const;

export class PageStorage {
  readonly #json: JsonStorage;
  readonly #machines: Machines;
  /** The machine that this page uses; another page may use another one. */
  #chosen: string | null;

  constructor(private readonly environment: Environment) {
    this.#json = new JsonStorage(environment.storage);
    this.#machines = new Machines(this.#json);
    moveOneMachine(this.#json);
    this.#chosen = stringOf(this.#json.read("chosen"));
  }

  /** Whether what is kept outlives this visit. */
  get lasts(): boolean {
    return this.#json.lasts;
  }

  // -- the machines

  get machines(): readonly Machine[] {
    return this.#machines.all;
  }

  get machine(): Machine | null {
    return this.#machines.get(this.#chosen);
  }

  choose(id: string | null): void {
    this.#chosen = id;
    this.#json.write("chosen", id);
  }

  /** Add a machine, or change the one with its id. */
  put(machine: Machine): void {
    this.#machines.put(machine);
  }

  /** Change some of a machine, unless it was forgotten meanwhile. */
  change(id: string, changes: Partial<Machine>): void {
    const machine = this.#machines.get(id);
    if (machine !== null) this.#machines.put({ ...machine, ...changes });
  }

  /** Forget a machine, what was open there, and everything that could let this browser in again. */
  forget(id: string): void {
    this.#machines.remove(id);
    for (const name of OF_ONE) this.#json.write(`${name}.${id}`, null);
    if (this.#chosen === id) this.choose(null);
  }

  /** Who this browser is to a machine that it does not know yet. */
  newDevice(): Device {
    const { uuid, randomBytes } = this.environment;
    return { id: uuid(), relaySecret: newSecret(randomBytes), secret: randomBytes(32) };
  }

  // -- what is kept for the machine that is used

  #read(name: (typeof OF_ONE)[number]): unknown {
    return this.#chosen === null ? null : this.#json.read(`${name}.${this.#chosen}`);
  }

  #write(name: (typeof OF_ONE)[number], value: readonly string[] | Record<string, unknown>): void {
    if (this.machine !== null) this.#json.write(`${name}.${this.#chosen}`, value);
  }

  /** Uuids in the order of the tabs, and those that were shown last. */
  get order(): readonly string[] {
    return strings(this.#read("order"));
  }

  set order(uuids: readonly string[]) {
    this.#write("order", uuids);
  }

  get shown(): readonly string[] {
    return strings(this.#read("shown"));
  }

  set shown(uuids: readonly string[]) {
    this.#write("shown", uuids);
  }

  get combinations(): StoredCombinations {
    const found = recordOf(this.#read("keys"));
    return { list: readCombinations(found["list"]), isUnsent: found["isUnsent"] === true };
  }

  set combinations({ list, isUnsent }: StoredCombinations) {
    this.#write("keys", { list, isUnsent });
  }

  // -- the account's settings

  get settings(): Settings {
    return readSettings(this.#json.read("settings"));
  }

  set settings(settings: Settings) {
    this.#json.write("settings", { ...settings });
  }
}

const MOST_STRINGS = 256;

const strings = (found: unknown): readonly string[] =>
  Array.isArray(found) ? found.filter((one): one is string => typeof one === "string").slice(0, MOST_STRINGS) : [];
