/**
 * Lets the terminal keep the keyboard: a button that is tapped or clicked does not take the focus.
 *
 * The Tab key and screen readers still reach every button. Dialogs are outside of `root`, and manage the focus themselves.
 */

import type { Scope } from "./scope";

export function keepFocus(root: HTMLElement, scope: Scope): void {
  scope.listen(root, "mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest("button") !== null) event.preventDefault();
  });
}
