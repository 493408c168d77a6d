/**
 * Caches the page, so that it opens without a network: the document, and the files of the build that it needs.
 *
 * Nothing else is cached: no answers of an API, no links with a fragment, nothing of another origin. The document comes
 * from the network whenever that answers, so that a new build is used immediately. Hashed files never change. A new build
 * replaces the cached one only when it is complete.
 */

/** The folder that serves the page: a proxy may serve several relays, each under a path. */
const ROOT = new URL("./", self.location).pathname;
/** Caches have had this name since the first version: another one would leave them behind. */
const PREFIX = ROOT === "/" ? "mobifai-shell-" : `mobifai-shell:${ROOT}-`;
const DOCUMENT = ROOT;
const TIMEOUT_MS = 4000;
/** The most files of one build, which has about ten. */
const MAX_FILES = 60;
const HASHED = /(?:assets|\.)\/([\w.-]+-[\w-]{6,}\.(?:js|css|woff2|svg|png))/g;
const FIXED = ["manifest.webmanifest", "icons/icon.svg", "icons/icon-192.png"].map((name) => ROOT + name);

self.addEventListener("install", (event) => {
  event.waitUntil(fetch(DOCUMENT, { cache: "no-cache" }).then((fresh) => cacheBuild(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

/** A page that was open for long asks whether there is a newer build. */
self.addEventListener("message", (event) => {
  if (event.data?.type !== "check-for-update") return;
  event.waitUntil(fetch(DOCUMENT, { cache: "no-cache" }).then((fresh) => cacheBuild(fresh)).catch(() => undefined));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === DOCUMENT) event.respondWith(openDocument(event));
  else if (pathname.startsWith(`${ROOT}assets/`) || FIXED.includes(pathname)) event.respondWith(openFile(request, pathname));
});

async function openDocument(event) {
  try {
    const fresh = await fetch(DOCUMENT, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (fresh.ok) event.waitUntil(cacheBuild(fresh.clone(), event.resultingClientId).catch(() => undefined));
    if (fresh.ok) return fresh;
  } catch {
    // No network, or no answer in time.
  }
  return (await findCached(DOCUMENT)) ?? Response.error();
}

async function openFile(request, pathname) {
  return (await findCached(pathname)) ?? fetch(request);
}

async function findCached(path) {
  for (const name of await cacheNames()) {
    const found = await (await caches.open(name)).match(path);
    if (found) return found;
  }
  return undefined;
}

async function cacheNames() {
  return (await caches.keys()).filter((name) => name.startsWith(PREFIX));
}

/** Cache this document's build completely, delete other builds, and notify the open pages except `newest`, which uses it. */
async function cacheBuild(response, newest = "") {
  if (!response.ok) throw new Error(`the document: expected status 200; found ${response.status}`);
  const text = await response.clone().text();
  const name = PREFIX + (await digest(text));
  const before = await cacheNames();
  if (before.includes(name)) return;
  const cache = await caches.open(name);
  try {
    for (const path of await filesOf(text)) await cache.add(path);
    await cache.put(DOCUMENT, response);
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
  for (const old of before) await caches.delete(old);
  if (before.length === 0) return;
  for (const client of await self.clients.matchAll()) if (client.id !== newest) client.postMessage({ type: "updated" });
}

/** Return the files that the document names, and those that its scripts and styles name. */
async function filesOf(text) {
  const found = new Set(FIXED);
  const add = (source) => {
    for (const [, name] of source.matchAll(HASHED)) found.add(`${ROOT}assets/${name}`);
  };
  add(text);
  for (const path of found) {
    if (found.size > MAX_FILES) throw new Error(`the build: expected ${MAX_FILES} files at most; found ${found.size}`);
    if (!/\.(?:js|css)$/.test(path)) continue;
    add(await (await fetch(path)).text());
  }
  return [...found];
}

async function digest(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].slice(0, 12).map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
