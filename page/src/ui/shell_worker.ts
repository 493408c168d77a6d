/** Lets the service worker keep the page's shell, where browsers have one (HTTPS, or this machine itself). */

export function keepShell(renewed: () => void): void {
  if (!window.isSecureContext || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("/sw.js").catch(() => undefined); // the page works without
  navigator.serviceWorker.addEventListener("message", (event: MessageEvent<{ type?: string } | null>) => {
    if (event.data?.type === "new-shell") renewed();
  });
}
