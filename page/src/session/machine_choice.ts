/** Which machines are known, and which of them is used: links, the person's choice, names, and forgetting. */

import { type Link, LinkError, parseLink } from "../e2e/link";
import type { Environment } from "../platform/environment";
import { signIn } from "./sign_in";
import { fingerprint, type Machine, machineName, MOST_MACHINES, nameOf, sameKey } from "./machines";
import type { Store } from "./page_storage";
import type { ForeignLink, KnownMachine } from "./types";

export type Agree = (link: ForeignLink) => Promise<boolean>;

export interface MachineChoiceListener {
  /** Another machine is used from now on: leave the one before, then call `change`. */
  use(change: () => void): void;
  changed(): void;
}

export class MachineChoice {
  /** The person is asked about a link. */
  #asks = false;

  constructor(
    private readonly store: Store,
    private readonly environment: Environment,
    private readonly listener: MachineChoiceListener,
  ) {}

  get known(): readonly KnownMachine[] {
    return this.store.machines.map((machine) => this.#described(machine));
  }

  /** Take a link. Throws LinkError, with a sentence for people; nothing has changed then. */
  async link(text: string, agree: Agree): Promise<void> {
    const link = parseLink(text);
    const foreign = this.#foreign(link);
    if (foreign !== null && !(await this.#agrees(foreign, agree))) return;
    const machine = await this.#linked(link);
    if (foreign?.replaces) this.store.forget(machine.id);
    this.listener.use(() => {
      this.store.put(machine);
      this.store.choose(machine.id);
    });
  }

  choose(id: string): void {
    if (id === this.store.machine?.id || this.store.machines.every((one) => one.id !== id)) return;
    this.listener.use(() => this.store.choose(id));
  }

  rename(id: string, name: string): void {
    this.store.change(id, { label: machineName(name) });
    this.listener.changed();
  }

  forget(id: string | undefined): void {
    if (id === undefined) return;
    if (id === this.store.machine?.id) this.listener.use(() => this.store.forget(id));
    else this.store.forget(id);
    this.listener.changed();
  }

  async #agrees(foreign: ForeignLink, agree: Agree): Promise<boolean> {
    if (this.#asks) throw new LinkError("You are asked about another link already. Answer that first.");
    this.#asks = true;
    return agree(foreign).finally(() => (this.#asks = false));
  }

  /** What the person has to agree to before the link is used; null: nothing, its machine is known or is the first one. */
  #foreign(link: Link): ForeignLink | null {
    const { machines, machine } = this.store;
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
    const known = this.store.machines.find((one) => one.id === id && sameKey(one.key, key));
    const device = known?.device ?? this.store.newDevice();
    const credentials = { token: await signIn(code, device.id, this.environment), secret };
    if (known !== undefined) return { ...known, renewal: credentials, isNew: true };
    return { id, key, name: null, label: null, device, credentials, renewal: null, isNew: true };
  }

  #described(machine: Machine): KnownMachine {
    return { id: machine.id, name: nameOf(machine), fingerprint: fingerprint(machine.key), isUsed: machine.id === this.store.machine?.id };
  }
}
