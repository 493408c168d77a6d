/** Which machines are known, and which of them is used: links, the person's choice, names, and forgetting. */

import { type Link, LinkError, parseLink } from "../e2e/link";
import type { Environment } from "../platform/environment";
import { signIn } from "./sign_in";
import { fingerprint, type Machine, machineName, MOST_MACHINES, nameOf, sameKey } from "./machines";
import type { PageStorage } from "./page_storage";
import type { UnknownMachineLink, KnownMachine } from "./types";

export type AskAboutLink = (link: UnknownMachineLink) => Promise<boolean>;

export interface MachineChoiceListener {
  /** Another machine is used from now on: leave the one before, then call `change`. */
  use(change: () => void): void;
  changed(): void;
}

export class MachineChoice {
  /** The person is asked about a link. */
  #asks = false;

  constructor(
    private readonly storage: PageStorage,
    private readonly environment: Environment,
    private readonly listener: MachineChoiceListener,
  ) {}

  get known(): readonly KnownMachine[] {
    return this.storage.machines.map((machine) => this.#described(machine));
  }

  /** Take a link. Throws LinkError, with a sentence for people; nothing has changed then. */
  async link(text: string, agree: AskAboutLink): Promise<void> {
    const link = parseLink(text);
    const foreign = this.#foreign(link);
    if (foreign !== null && !(await this.#isConfirmed(foreign, agree))) return;
    const machine = await this.#linked(link);
    if (foreign?.replaces) this.storage.forget(machine.id);
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

  async #isConfirmed(foreign: UnknownMachineLink, agree: AskAboutLink): Promise<boolean> {
    if (this.#asks) throw new LinkError("You are asked about another link already. Answer that first.");
    this.#asks = true;
    return agree(foreign).finally(() => (this.#asks = false));
  }

  /** What the person has to agree to before the link is used; null: nothing, its machine is known or is the first one. */
  #foreign(link: Link): UnknownMachineLink | null {
    const { machines, machine } = this.storage;
    const named = machines.find(({ id }) => id === link.machine);
    const shown = named ?? machine ?? machines[0];
    if (shown === undefined || (named !== undefined && sameKey(named.key, link.key))) return null;
    if (named === undefined && machines.length >= MOST_MACHINES) {
      throw new LinkError(`This page knows ${MOST_MACHINES} machines, which is the most. Forget one of them first.`);
    }
    return { known: this.#described(shown), replaces: named !== undefined, machine: link.machine, fingerprint: fingerprint(link.key) };
  }

  /** Sign in with the link; what is to be kept of its machine. */
  async #linked({ machine: id, key, code, secret }: Link): Promise<Machine> {
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
