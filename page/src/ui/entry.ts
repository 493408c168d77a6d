/**
 * Begins: takes a link out of the address before anything else sees it, draws the session, opens it.
 */

import type { Session } from "../session/types";
import { App } from "./app";

/** The fragment of the address, which is removed from it (and from the history) at once; null when there is none. */
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
    if (text !== null) app.pair(text).catch((reason: unknown) => app.complain(reason));
  };
  link(fragment);
  // A link that is opened while the page is there changes its fragment only.
  app.listenToAddress(() => link(takeFragment(location, history)));
  return app;
}

/** The browser's storage; null where it is forbidden. */
export function storageOf(page: Window): Storage | null {
  try {
    return page.localStorage;
  } catch {
    return null;
  }
}
