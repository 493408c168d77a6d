/** The browser's services for a session. Tests provide another implementation. */

import { io } from "socket.io-client";

/** A Socket.IO connection to the relay. */
export interface RelaySocket {
  /** Listen to every event, with `connect`, `disconnect` and `connect_error` among them. */
  listen(listener: (event: string, payload: unknown) => void): void;
  emit(event: string, payload: unknown): void;
  close(): void;
}

export interface Environment {
  /** Storage that outlives a visit; null when the browser has none. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  /** This device's name in the machine's list. */
  readonly deviceName: string;
  /** Return a monotonic time in milliseconds. */
  now(): number;
  /** Call `call` after `milliseconds`. Returns a function that cancels the call. */
  after(milliseconds: number, call: () => void): () => void;
  random(): number;
  randomBytes(length: number): Uint8Array;
  uuid(): string;
  connect(token: string | null): RelaySocket;
  /** Create a peer connection; null without WebRTC. */
  peer(): RTCPeerConnection | null;
  fetch(path: string, options: RequestInit): Promise<Response>;
  isVisible(): boolean;
}

const SOCKET_EVENTS = ["connect", "disconnect", "connect_error"] as const;

export function browserEnvironment(): Environment {
  return {
    storage: usableStorage(root().pathname),
    deviceName: deviceName(navigator.userAgent),
    now: () => performance.now(),
    after: (milliseconds, call) => {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    randomBytes,
    uuid,
    connect: (token) => socketIo(root(), token),
    peer: () => ("RTCPeerConnection" in globalThis ? new RTCPeerConnection({ iceServers: [] }) : null),
    fetch: (path, options) => fetch(new URL(path.replace(/^\//, ""), root()), options),
    isVisible: () => document.visibilityState === "visible",
  };
}

export const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** Create a random UUID. `crypto.randomUUID` is missing on plain HTTP. */
export function uuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Return the URL of the folder that serves this page: a proxy may serve the relay under a path. */
const root = (): URL => new URL(".", location.href);

function socketIo({ origin, pathname }: URL, token: string | null): RelaySocket {
  const path = `${pathname}socket.io/`;
  const socket = io(origin, { path, transports: ["websocket"], auth: { token }, reconnection: false, forceNew: true });
  return {
    listen: (listener) => {
      for (const event of SOCKET_EVENTS) {
        socket.on(event as "disconnect", (reason?: unknown) => listener(event, reason instanceof Error ? reason.message : reason));
      }
      socket.onAny((event: string, payload: unknown) => listener(event, payload));
    },
    emit: (event, payload) => void socket.emit(event, payload),
    close: () => void socket.removeAllListeners().offAny().disconnect(),
  };
}

/** Return the browser's storage. Relays under several paths of one origin share it, so names are prefixed with the path. */
function usableStorage(path: string): Environment["storage"] {
  try {
    localStorage.setItem("mobifai.try", "1");
    localStorage.removeItem("mobifai.try");
    return path === "/" ? localStorage : storageBelow(path);
  } catch {
    return null; // private browsing, or disabled
  }
}

const storageBelow = (path: string): Environment["storage"] => ({
  getItem: (name) => localStorage.getItem(path + name),
  setItem: (name, value) => localStorage.setItem(path + name, value),
  removeItem: (name) => localStorage.removeItem(path + name),
});

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Macintosh/, "Mac"],
  [/Windows/, "Windows"],
  [/Linux/, "Linux"],
];
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Firefox|FxiOS/, "Firefox"],
  [/Edg/, "Edge"],
  [/Chrome|CriOS/, "Chrome"],
  [/Safari/, "Safari"],
];

/** Return a name such as "Safari on iPhone". */
export function deviceName(userAgent: string): string {
  const named = (names: typeof KINDS, otherwise: string) => names.find(([sign]) => sign.test(userAgent))?.[1] ?? otherwise;
  return `${named(BROWSERS, "Browser")} on ${named(KINDS, "a device")}`;
}
