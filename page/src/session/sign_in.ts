/** Signs this browser in at the relay with an invitation link's code. */

import { LinkError } from "../e2e/link";
import { relayWords } from "../protocol/untrusted_text";
import type { Environment } from "../platform/environment";
import { askRelay, readToken } from "../transport/relay_http";

/** Return the relay's token for this browser. Throws LinkError, with a sentence for people. */
export async function signIn(code: string, deviceId: string, environment: Environment): Promise<string> {
  const answer = await askRelay(environment, "/api/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ deviceId, type: "mobile", kind: "e2e", code }),
  }).catch(() => {
    throw new LinkError("The relay can't be reached. Check that this device is on the machine's network, and try again.");
  });
  const token = readToken(answer.content["token"]);
  if (answer.ok && token !== null) return token;
  const reason = relayWords(answer.content["message"] ?? `status ${answer.status}`);
  throw new LinkError(`The relay does not accept this link. ${reason} Run \`mobifai pair\` on the machine for a new one.`);
}
