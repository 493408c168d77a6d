/** The machines that this browser is paired with, and which one is used: pairing, choosing, naming, and forgetting. */

import { type Link, LinkError, parseLink } from "../e2e/link";
import type { Environment } from "../platform/environment";
import { fingerprint, type Machine, machineName, MAX_MACHINES, nameOf, sameKey } from "./machines";
import type { PageStorage } from "./page_storage";
import { signIn } from "./sign_in";
import type { KnownMachine, UnknownMachineLink } from "./types";

/** Ask the user whether a link to an unknown machine is used. */
export type ConfirmLink = (link: UnknownMachineLink) => Promise<boolean>;

export interface MachineChoiceListener {
  /** Use another machine from now on: leave the current one, then call `change`. */
  use(change: () => void): void;
  changed(): void;
}

export class MachineChoice {
  /** The user is being asked about a link. */
  #isAsking = false;

  constructor(
    private readonly storage: PageStorage,
    private readonly environment: Environment,
    private readonly listener: MachineChoiceListener,
  ) {}

  get known(): readonly KnownMachine[] {
    return this.storage.machines.map((machine) => this.#described(machine));
  }

  /** Pair with the machine of an invitation link, and use it. If it throws LinkError, nothing has changed. */
  async pair(text: string, confirm: ConfirmLink): Promise<void> {
    const link = parseLink(text);
    const unknown = this.#unknown(link);
    if (unknown !== null && !(await this.#isConfirmed(unknown, confirm))) return;
    const machine = await this.#signedIn(link);
    if (unknown?.replaces) this.storage.forget(machine.id);
    this.listener.use(() => {
      this.storage.put(machine);
      this.storage.choose(machine.id);
    });
  }

  choose(id: string): void {
    if (id === this.storage.machine?.id || this.storage.machines.every((one) => one.id !== id)) return;
    this.listener.use(() => this.storage.choose(id));
  }

  rename(id: string, name: string): void {
    this.storage.change(id, { label: machineName(name) });
    this.listener.changed();
  }

  forget(id: string | undefined): void {
    if (id === undefined) return;
    if (id === this.storage.machine?.id) this.listener.use(() => this.storage.forget(id));
    else this.storage.forget(id);
    this.listener.changed();
  }

  async #isConfirmed(link: UnknownMachineLink, confirm: ConfirmLink): Promise<boolean> {
    if (this.#isAsking) throw new LinkError("Another link is waiting for your answer. Answer that first.");
    this.#isAsking = true;
    return confirm(link).finally(() => (this.#isAsking = false));
  }

  /** Return what the user has to confirm before the link is used; null for the first machine, and for a known one. */
  #unknown(link: Link): UnknownMachineLink | null {
    const { machines, machine } = this.storage;
    const named = machines.find(({ id }) => id === link.machine);
    const shown = named ?? machine ?? machines[0];
    if (shown === undefined || (named !== undefined && sameKey(named.key, link.key))) return null;
    if (named === undefined && machines.length >= MAX_MACHINES) {
      throw new LinkError(`This page is paired with ${MAX_MACHINES} machines (the maximum). Forget one of them first.`);
    }
    return { known: this.#described(shown), replaces: named !== undefined, machine: link.machine, fingerprint: fingerprint(link.key) };
  }

  /** Sign in with the link's code. Returns the machine to store. */
  async #signedIn({ machine: id, key, code, secret }: Link): Promise<Machine> {
    const known = this.storage.machines.find((one) => one.id === id && sameKey(one.key, key));
    const device = known?.device ?? this.storage.newDevice();
    const credentials = { token: await signIn(code, device.id, this.environment), secret };
    if (known !== undefined) return { ...known, renewal: credentials, isNew: true };
    return { id, key, name: null, label: null, device, credentials, renewal: null, isNew: true };
  }

  #described(machine: Machine): KnownMachine {
    return { id: machine.id, name: nameOf(machine), fingerprint: fingerprint(machine.key), isUsed: machine.id === this.storage.machine?.id };
  }
}
