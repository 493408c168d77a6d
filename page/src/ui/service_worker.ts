/** Registers the service worker, which caches the page. Browsers allow one over HTTPS, and on localhost. */

/** How often a page that becomes visible again looks for a new build, at most. */
const UPDATE_INTERVAL_MS = 3_600_000;

/** Register the service worker, and call `updated` when a build other than the running one is cached. Lasts as long as the page. */
export function registerServiceWorker(updated: () => void): void {
  if (!window.isSecureContext || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  serviceWorker.register("sw.js").catch(() => undefined); // the page works without it
  serviceWorker.addEventListener("message", (event: MessageEvent<{ type?: string } | null>) => {
    if (event.data?.type === "updated") updated();
  });
  let checkedAt = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - checkedAt < UPDATE_INTERVAL_MS) return;
    checkedAt = Date.now();
    serviceWorker.controller?.postMessage({ type: "check-for-update" });
  });
}
