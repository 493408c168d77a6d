/** What this browser stores: the machines that it is paired with, which one is used, and the user's arrangement of each. */

import { newSecret } from "../transport/identity";
import type { Device } from "../transport/machine_identity";
import { readCombinations } from "./combination_list";
import type { Environment } from "../platform/environment";
import { JsonStorage, recordOf, stringOf } from "../platform/json_storage";
import { type Machine, Machines } from "./machines";
import { moveOneMachine } from "./single_machine_migration";
import { readSettings } from "./relay_settings";
import type { Combination, Settings } from "./types";

/** `isUnsent`: the list was changed here, and not sent to the machine's agent yet. */
export interface StoredCombinations {
  readonly list: readonly Combination[] | null;
  readonly isUnsent: boolean;
}

/** Names of what is stored for each machine, besides the list of machines. */
const PER_MACHINE = ["order", "shown", "keys"] as const;

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

  /** Whether what is stored outlives this visit. */
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

  /** Change a machine, unless it was forgotten in the meantime. */
  change(id: string, changes: Partial<Machine>): void {
    const machine = this.#machines.get(id);
    if (machine !== null) this.#machines.put({ ...machine, ...changes });
  }

  /** Forget a machine, its tabs, and all keys and tokens that this browser has for it. */
  forget(id: string): void {
    this.#machines.remove(id);
    for (const name of PER_MACHINE) this.#json.write(`${name}.${id}`, null);
    if (this.#chosen === id) this.choose(null);
  }

  /** Create this browser's identity for a machine that it does not know yet. */
  newDevice(): Device {
    const { uuid, randomBytes } = this.environment;
    return { id: uuid(), relaySecret: newSecret(randomBytes), secret: randomBytes(32) };
  }

  // -- for the machine that is used

  #read(name: (typeof PER_MACHINE)[number]): unknown {
    return this.#chosen === null ? null : this.#json.read(`${name}.${this.#chosen}`);
  }

  #write(name: (typeof PER_MACHINE)[number], value: readonly string[] | Record<string, unknown>): void {
    if (this.machine !== null) this.#json.write(`${name}.${this.#chosen}`, value);
  }

  /** The uuids of the terminals, in the order of their tabs. */
  get order(): readonly string[] {
    return strings(this.#read("order"));
  }

  set order(uuids: readonly string[]) {
    this.#write("order", uuids);
  }

  /** The uuids of the terminals that were shown last. */
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

const MAX_STRINGS = 256;

const strings = (found: unknown): readonly string[] =>
  Array.isArray(found) ? found.filter((one): one is string => typeof one === "string").slice(0, MAX_STRINGS) : [];
