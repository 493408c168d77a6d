/**
 * Keeps the focus in the terminal: a button that is tapped or clicked does not take it.
 *
 * The Tab key and screen readers still reach every button. Dialogs are outside `root` and manage the focus themselves.
 */

import type { Scope } from "./scope";

export function keepFocus(root: HTMLElement, scope: Scope): void {
  scope.listen(root, "mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest("button") !== null) event.preventDefault();
  });
}
