/**
 * What people choose, between the state, this browser's storage and the relay.
 *
 * What was chosen last in this browser holds: until the relay has it, whatever the relay says is older.
 */

import type { Session, Settings } from "../session/types";
import { isUnsaved, loadPreferences, markUnsaved, type Preferences, savePreferences, toSettings, withSettings } from "./base/preferences";
import type { Scope } from "./base/scope";
import type { Store } from "./base/store";
import type { Scheme } from "./screen/palettes";
import { type AppState, schemeOf } from "./state";

/** Changes come in a row (a pinch, a stepper): the relay gets the last. */
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
  /** How many since the page was loaded. */
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

  /** What could not be saved, or was chosen just before the page was closed, is saved when there is a connection again. */
  #connected(ready: boolean): void {
    if (ready && !this.#ready && this.#unsaved) this.#saveSoon();
    this.#ready = ready;
  }

  #saveSoon(): void {
    this.#cancel();
    this.#cancel = this.#scope.after(SAVE_MS, () => void this.#save().catch(() => undefined)); // again when connected anew
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
