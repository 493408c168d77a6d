/** The account's settings: a copy in this browser, and the relay's, which every device of the account shares. */

import type { Environment } from "../platform/environment";
import type { PageStorage } from "./page_storage";
import { getSettings, putSettings, readSettings } from "./relay_settings";
import type { Settings } from "./types";

export class AccountSettings {
  #current: Settings;

  constructor(
    private readonly environment: Environment,
    private readonly storage: PageStorage,
    private readonly changed: (settings: Settings) => void,
  ) {
    this.#current = storage.settings;
  }

  get current(): Settings {
    return this.#current;
  }

  get #token(): string | null {
    return this.storage.machine?.credentials.token ?? null;
  }

  /** Apply settings that the relay sent. `found` may be any value. */
  received(found: unknown): void {
    this.#take(readSettings(found));
  }

  /** Get the relay's settings. Without an answer the copy stays in use. */
  async refresh(): Promise<void> {
    const token = this.#token;
    if (token === null) return;
    const settings = await getSettings(this.environment, token).catch(() => null);
    if (settings !== null) this.#take(settings);
  }

  /** Merge changes into the settings, here and at the relay. Rejects when the relay does not accept them. */
  async put(changes: Settings): Promise<void> {
    this.#take(readSettings({ ...this.#current, ...changes }));
    const token = this.#token;
    if (token !== null) this.#take(await putSettings(this.environment, token, changes));
  }

  #take(settings: Settings): void {
    this.#current = this.storage.settings = settings;
    this.changed(settings);
  }
}
