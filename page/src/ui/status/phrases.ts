/** The connection's state in words, and what people can do about it. Pure. */

import type { Connection, KnownMachine, ConnectionStage } from "../../session/types";
import { latency } from "../base/quantities";

/** The name of a machine, or the start of its fingerprint while it has none. */
export function machineTitle({ name, fingerprint }: KnownMachine): string {
  return name ?? `Machine ${fingerprint.slice(0, 4)}`;
}

export interface Phrase {
  readonly title: string;
  readonly hint: string;
  readonly busy: boolean;
  /** Its colour. */
  readonly tone: "good" | "busy" | "bad";
}

export function phraseFor(connection: Connection): Phrase {
  const machine = connection.machine ?? "the machine";
  switch (connection.stage) {
    case "unpaired":
      return { title: "No machine yet", hint: "Pair this page with a machine to use its terminals.", busy: false, tone: "busy" };
    case "offline":
      return { title: "No connection", hint: problemOr(connection, "Check that this device is on a network that reaches the relay. The page keeps trying."), busy: true, tone: "bad" };
    case "signing-in":
      return { title: "Signing in", hint: "The relay checks whether this device may connect.", busy: true, tone: "busy" };
    case "waiting":
      return { title: `Waiting for ${machine}`, hint: problemOr(connection, "Make sure that “mobifai serve” is running there. If another phone is using it, wait until that phone disconnects."), busy: true, tone: "busy" };
    case "securing":
      return { title: "Securing the connection", hint: `Agreeing on encryption keys with ${machine}.`, busy: true, tone: "busy" };
    case "ready":
      return { title: `Connected to ${machine}`, hint: pathPhrase(connection), busy: false, tone: "good" };
    case "refused":
      return { title: "Connection refused", hint: problemOr(connection, "The machine does not know this device. Pair it again with a new QR code."), busy: false, tone: "bad" };
  }
}

/** The line above a terminal that can't be used. After a refusal it says why, and what to do. */
export function bannerText(connection: Connection): string {
  const { title, hint } = phraseFor(connection);
  if (connection.stage === "refused") return hint;
  return connection.waitingFor === null ? title : `${title} · waiting for ${connection.waitingFor}`;
}

function problemOr(connection: Connection, otherwise: string): string {
  return connection.problem ?? otherwise;
}

function pathPhrase(connection: Connection): string {
  const path = connection.path === "channel" ? "Directly" : "Through the relay";
  return connection.latencyMs === null ? `${path}.` : `${path}, ${latency(connection.latencyMs)} round trip.`;
}

/** The few letters under the status icon. */
export function shortState(connection: Connection): string {
  if (connection.stage === "ready") return connection.latencyMs === null ? pathWord(connection) : latency(connection.latencyMs);
  return SHORT[connection.stage];
}

const SHORT: Readonly<Record<Exclude<ConnectionStage, "ready">, string>> = {
  unpaired: "unpaired", offline: "offline", "signing-in": "sign-in", waiting: "waiting", securing: "securing", refused: "refused",
};

export function pathWord(connection: Connection): string {
  return connection.path === "channel" ? "direct" : connection.path === "relay" ? "relay" : "";
}

/** The announcement for screen readers when the state changes. A new latency alone is not announced. */
export function spokenState(connection: Connection): string {
  const phrase = phraseFor(connection);
  return connection.stage === "ready" ? `${phrase.title}, ${pathWord(connection)}` : phrase.title;
}
