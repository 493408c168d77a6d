/** Signing this browser in at the relay with a link's pairing code. */

import type { Link } from "../e2e/link";
import { LinkError } from "../e2e/link";
import { relayWords } from "../wire/words";
import type { Environment } from "./environment";
import { askRelay } from "./relay_http";
import type { Store } from "./store";

/** Take a link: the relay lets this browser in, and the machine is known. Throws LinkError, with a sentence for people. */
export async function linkUp(link: Link, store: Store, environment: Environment): Promise<void> {
  store.token = await signIn(link.code, store.deviceId, environment);
  const name = store.machine?.id === link.machine ? store.machine.name : null;
  store.machine = { id: link.machine, key: link.key, name, secret: link.secret, isNew: true };
}

async function signIn(code: string, deviceId: string, environment: Environment): Promise<string> {
  const answer = await askRelay(environment, "/api/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ deviceId, type: "mobile", code }),
  }).catch(() => {
    throw new LinkError("The relay can't be reached. See whether this device is on the machine's network, and try again.");
  });
  const { token, message } = answer.content;
  if (answer.ok && typeof token === "string") return token;
  const told = relayWords(message ?? `status ${answer.status}`);
  throw new LinkError(`This link does not let this browser in. ${told} Run \`mobifai pair\` on the machine for a new one.`);
}
