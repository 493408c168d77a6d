/** Taking a link: what it means for the machines that are known, and signing this browser in at the relay with its code. */

import type { Link } from "../e2e/link";
import { LinkError } from "../e2e/link";
import { relayWords } from "../wire/words";
import type { Environment } from "./environment";
import { fingerprint, type Machine, MOST_MACHINES, nameOf, sameKey } from "./machines";
import { askRelay, readToken } from "./relay_http";
import type { Store } from "./store";
import type { ForeignLink, KnownMachine } from "./types";

/** What the person has to agree to before the link is used; null: nothing, the machine is known or is the first one. */
export function foreign(link: Link, store: Store): ForeignLink | null {
  const { machines, machine } = store;
  const known = machines.find(({ id }) => id === link.machine);
  if (machines.length === 0 || (known !== undefined && sameKey(known.key, link.key))) return null;
  if (known === undefined && machines.length >= MOST_MACHINES) {
    throw new LinkError(`This page knows ${MOST_MACHINES} machines, which is the most. Forget one of them first.`);
  }
  const shown = known ?? machine ?? machines[0]!;
  return {
    known: describe(shown, store),
    replaces: known !== undefined,
    machine: link.machine,
    fingerprint: fingerprint(link.key),
  };
}

export function describe(machine: Machine, store: Store): KnownMachine {
  return { id: machine.id, name: nameOf(machine), fingerprint: fingerprint(machine.key), isUsed: machine.id === store.machine?.id };
}

/** Sign in with the link: its machine is known then. Throws LinkError, with a sentence for people; nothing has changed then. */
export async function linkUp(link: Link, store: Store, environment: Environment): Promise<Machine> {
  const found = store.machines.find(({ id }) => id === link.machine);
  const known = found !== undefined && sameKey(found.key, link.key) ? found : null;
  const device = known?.device ?? store.newDevice();
  const credentials = { token: await signIn(link.code, device.id, environment), secret: link.secret };
  if (known !== null) return { ...known, renewal: credentials, isNew: true };
  return { id: link.machine, key: link.key, name: null, label: null, device, credentials, renewal: null, isNew: true };
}

async function signIn(code: string, deviceId: string, environment: Environment): Promise<string> {
  const answer = await askRelay(environment, "/api/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ deviceId, type: "mobile", kind: "e2e", code }),
  }).catch(() => {
    throw new LinkError("The relay can't be reached. See whether this device is on the machine's network, and try again.");
  });
  const token = readToken(answer.content["token"]);
  if (answer.ok && token !== null) return token;
  const told = relayWords(answer.content["message"] ?? `status ${answer.status}`);
  throw new LinkError(`This link does not let this browser in. ${told} Run \`mobifai pair\` on the machine for a new one.`);
}
