/** Keeps the state's key combinations in sync with the session, and reviews those that an earlier version stored. */

import { fits } from "../../session/combination_list";
import type { OwnKeys, Session } from "../../session/types";
import type { Scope } from "../base/scope";
import type { Store } from "../base/store";
import type { AppState } from "../state";
import { type Combo, readCombos } from "./combos";
import { forgetOldCombos, oldCombos } from "./old_combos";

/** Ask which combinations to keep. Null: the user has not decided. */
export type ReviewCombos = (combos: readonly Combo[]) => Promise<readonly Combo[] | null>;

export class CombosSync {
  readonly #session: Session;
  readonly #store: Store<AppState>;
  readonly #storage: Storage | null;
  readonly #review: ReviewCombos;
  /** The user was asked on this load. */
  #isReviewed = false;

  constructor(session: Session, store: Store<AppState>, storage: Storage | null, scope: Scope, review: ReviewCombos) {
    this.#session = session;
    this.#store = store;
    this.#storage = storage;
    this.#review = review;
    oldCombos(storage);
    scope.add(session.on("ownKeys", (keys) => this.#take(keys)));
    this.#take(session.ownKeys);
  }

  #take({ list, isSettled }: OwnKeys): void {
    const combos = readCombos(list);
    if (JSON.stringify(combos) !== JSON.stringify(this.#store.state.combos)) this.#store.set({ combos });
    if (isSettled) void this.#reviewOld();
  }

  async #reviewOld(): Promise<void> {
    if (this.#isReviewed) return;
    this.#isReviewed = true;
    const old = oldCombos(this.#storage).filter((one) => !this.#store.state.combos.some((combo) => combo.label === one.label && combo.sequence === one.sequence));
    const wanted = old.length === 0 ? [] : await this.#review(old);
    if (wanted === null) return;
    forgetOldCombos(this.#storage);
    if (wanted.length > 0) this.#session.putOwnKeys(withThese(this.#store.state.combos, wanted));
  }
}

/** Add combinations, and replace those with the same id. */
function withThese(combos: readonly Combo[], wanted: readonly Combo[]): readonly Combo[] {
  const replaced = combos.map((combo) => wanted.find((one) => one.id === combo.id) ?? combo);
  const added = wanted.filter((one) => !combos.some((combo) => combo.id === one.id));
  const all = [...replaced, ...added];
  while (!fits(all)) all.pop();
  return all;
}
