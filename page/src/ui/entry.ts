/** Starts the page: removes a link from the address, renders the session, and opens it. */

import type { Session } from "../session/types";
import { App } from "./app";

/** Remove the fragment from the address and from the history. Returns it; null when there is none. */
export function takeFragment(address: Pick<Location, "hash" | "pathname" | "search">, history: Pick<History, "replaceState">): string | null {
  const fragment = address.hash.replace(/^#/, "");
  if (fragment === "") return null;
  history.replaceState(null, "", address.pathname + address.search);
  return fragment;
}

export function begin(root: HTMLElement, session: Session, fragment: string | null, storage: Storage | null): App {
  const app = new App(root, session, storage);
  session.open();
  const link = (text: string | null): void => {
    if (text !== null) app.pair(text).catch((reason: unknown) => app.report(reason));
  };
  link(fragment);
  // Opening another link in the loaded page changes only the fragment.
  app.listenToAddress(() => link(takeFragment(location, history)));
  return app;
}

/** Return the browser's storage; null when it is forbidden. */
export function storageOf(page: Window): Storage | null {
  try {
    return page.localStorage;
  } catch {
    return null;
  }
}
