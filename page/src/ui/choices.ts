/** What people choose, between the state, this browser's storage and the relay. */

import type { Session, Settings } from "../session/types";
import { loadPreferences, type Preferences, savePreferences, toSettings, withSettings } from "./base/preferences";
import type { Scope } from "./base/scope";
import type { Store } from "./base/store";
import type { Scheme } from "./screen/palettes";
import { type AppState, schemeOf } from "./state";

/** Changes come in a row (a pinch, a stepper): the relay gets the last. */
const SAVE_MS = 600;

export function systemScheme(): Scheme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export class Choices {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #storage: Storage | null;
  readonly #scope: Scope;
  #callOff = (): void => undefined;

  constructor(session: Session, store: Store<AppState>, storage: Storage | null, scope: Scope) {
    this.#session = session;
    this.#store = store;
    this.#storage = storage;
    this.#scope = scope;
    scope.listen(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.#renewScheme());
    scope.add(session.on("settings", (settings) => this.#take(settings)));
    // An account without settings of this page yet keeps what was chosen here.
    this.#take(session.settings);
  }

  static first(storage: Storage | null): Preferences {
    return loadPreferences(storage);
  }

  change(changes: Partial<Preferences>): void {
    this.#prefer({ ...this.#store.state.preferences, ...changes });
    this.#callOff();
    this.#callOff = this.#scope.after(SAVE_MS, () => {
      const settings = toSettings(this.#store.state.preferences);
      void this.#session.putSettings(settings).catch(() => undefined); // they are kept in this browser anyhow
    });
  }

  #take(settings: Settings): void {
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
