/** The dev page: the real views on a fake machine. `?stage=waiting` shows another state of the connection. */

import "../src/ui/styles/index.css";
import type { ConnectionStage } from "../src/session/types";
import { App } from "../src/ui/app";
import { FakeSession } from "./fake_session";

const session = new FakeSession();
const root = document.querySelector<HTMLElement>("#app");
const wanted = new URLSearchParams(location.search);
if (root) {
  const app = new App(root, session, localStorage);
  Object.assign(window, { session, app });
  const stage = wanted.get("stage") as ConnectionStage | null;
  if (stage === null) {
    session.ready();
    for (let tab = 0; tab < Number(wanted.get("tabs") ?? "1"); tab += 1) app.terminals.create();
  } else {
    const problem = stage === "refused" ? "This device was revoked on the machine. Pair it again with a new QR code: run “mobifai pair” there." : null;
    session.be({ stage, machine: stage === "unpaired" ? null : "workshop", waitingFor: stage === "waiting" ? "the machine" : null, problem });
  }
}
