/** Lets the service worker keep the page's shell, where browsers have one (HTTPS, or this machine itself). */

/** A page that comes back to sight asks for a new build, but not more often. */
const LOOK_MS = 3_600_000;

/** Calls `renewed` when another build is there than the one that runs. For the page's whole life. */
export function registerServiceWorker(renewed: () => void): void {
  if (!window.isSecureContext || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  serviceWorker.register("sw.js").catch(() => undefined); // the page works without
  serviceWorker.addEventListener("message", (event: MessageEvent<{ type?: string } | null>) => {
    if (event.data?.type === "new-shell") renewed();
  });
  let looked = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - looked < LOOK_MS) return;
    looked = Date.now();
    serviceWorker.controller?.postMessage({ type: "look" });
  });
}
