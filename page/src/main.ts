/** The page: the real session, and the views on it. */

import "./ui/styles/index.css";
import * as sessions from "./session";
import type { Session } from "./session/types";
import { begin, storageOf, takeFragment } from "./ui/entry";
import { keepShell } from "./ui/shell_worker";

const fragment = takeFragment(location, history);
const root = document.querySelector<HTMLElement>("#app");
const { createSession } = sessions as { readonly createSession?: () => Session };

if (root !== null && createSession !== undefined) {
  const app = begin(root, createSession(), fragment, storageOf(window));
  keepShell(() => app.offerReload());
}
