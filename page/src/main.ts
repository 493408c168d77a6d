/** The page's entry point: creates the session and its views. */

import "./ui/styles/index.css";
import { createSession } from "./session";
import { begin, storageOf, takeFragment } from "./ui/entry";
import { registerServiceWorker } from "./ui/service_worker";

const fragment = takeFragment(location, history);
const root = document.querySelector<HTMLElement>("#app");

if (root !== null) {
  const app = begin(root, createSession(), fragment, storageOf(window));
  registerServiceWorker(() => app.offerReload());
}
