/**
 * Keeps preferences in sync between the page's state, this browser's storage and the relay.
 *
 * The last change in this browser wins: until it is saved at the relay, the relay's settings are older and ignored.
 */

import type { Session, Settings } from "../session/types";
import { isUnsaved, loadPreferences, markUnsaved, type Preferences, savePreferences, toSettings, withSettings } from "./base/preferences";
import type { Scope } from "./base/scope";
import type { Store } from "./base/store";
import type { Scheme } from "./screen/palettes";
import { type AppState, schemeOf } from "./state";

/** Changes come in quick succession (a pinch, a stepper): only the last one is saved. */
const SAVE_MS = 600;

export function systemScheme(): Scheme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export class PreferencesSync {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #storage: Storage | null;
  readonly #scope: Scope;
  #cancel = (): void => undefined;
  /** The number of changes since the page was loaded. */
  #changes = 0;
  #unsaved: boolean;
  #ready = false;

  constructor(session: Session, store: Store<AppState>, storage: Storage | null, scope: Scope) {
    this.#session = session;
    this.#store = store;
    this.#storage = storage;
    this.#scope = scope;
    this.#unsaved = isUnsaved(storage);
    scope.listen(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.#renewScheme());
    scope.add(session.on("settings", (settings) => this.#take(settings)));
    scope.add(session.on("connection", ({ stage }) => this.#connected(stage === "ready")));
    // An account without settings of this page yet keeps what was chosen here.
    this.#take(session.settings);
  }

  static first(storage: Storage | null): Preferences {
    return loadPreferences(storage);
  }

  change(changes: Partial<Preferences>): void {
    this.#prefer({ ...this.#store.state.preferences, ...changes });
    this.#changes += 1;
    this.#mark(true);
    this.#saveSoon();
  }

  /** Save what could not be saved before, or was changed just before the page was closed. */
  #connected(ready: boolean): void {
    if (ready && !this.#ready && this.#unsaved) this.#saveSoon();
    this.#ready = ready;
  }

  #saveSoon(): void {
    this.#cancel();
    this.#cancel = this.#scope.after(SAVE_MS, () => void this.#save().catch(() => undefined)); // saved on the next connection
  }

  async #save(): Promise<void> {
    const saved = this.#changes;
    await this.#session.putSettings(toSettings(this.#store.state.preferences));
    if (saved === this.#changes) this.#mark(false);
  }

  #mark(unsaved: boolean): void {
    this.#unsaved = unsaved;
    markUnsaved(this.#storage, unsaved);
  }

  #take(settings: Settings): void {
    if (this.#unsaved) return;
    const { preferences } = this.#store.state;
    const merged = withSettings(preferences, settings);
    if (JSON.stringify(merged) !== JSON.stringify(preferences)) this.#prefer(merged);
  }

  #prefer(preferences: Preferences): void {
    this.#store.set({ preferences, scheme: schemeOf(preferences, systemScheme()) });
    savePreferences(this.#storage, preferences);
  }

  #renewScheme(): void {
    this.#store.set({ scheme: schemeOf(this.#store.state.preferences, systemScheme()) });
  }
}
