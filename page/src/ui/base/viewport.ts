/**
 * Keeps the page within the visible part of the window, above the soft keyboard.
 *
 * Browsers on Android shrink the layout (`interactive-widget=resizes-content`). iOS moves and shrinks only the visual
 * viewport, which is followed here.
 */

import type { Scope } from "./scope";

export function followViewport(root: HTMLElement, moved: () => void, scope: Scope): void {
  const viewport = window.visualViewport;
  const follow = (): void => {
    const zoomed = viewport !== null && viewport.scale > 1.01; // the user magnified the page: leave it alone
    const height = viewport === null || zoomed ? window.innerHeight : viewport.height;
    const top = viewport === null || zoomed ? 0 : viewport.offsetTop;
    root.style.setProperty("--seen-height", `${Math.round(height)}px`);
    root.style.setProperty("--seen-top", `${Math.round(top)}px`);
    root.classList.toggle("keyboard-open", window.innerHeight - height > 120);
    moved();
  };
  follow();
  if (viewport !== null) {
    scope.listen(viewport, "resize", follow);
    scope.listen(viewport, "scroll", follow);
  }
  scope.listen(window, "resize", follow);
  scope.listen(window, "orientationchange", follow);
}
