/** How the connection's state is told to people, and what they can do about it. Pure. */

import type { Connection, KnownMachine, ConnectionStage } from "../../session/types";
import { latency } from "../base/quantities";

/** What a machine is called before anybody has named it. */
export function machineTitle({ name, fingerprint }: KnownMachine): string {
  return name ?? `Machine ${fingerprint.slice(0, 4)}`;
}

export interface Phrase {
  readonly title: string;
  readonly hint: string;
  readonly busy: boolean;
  /** How it is coloured. */
  readonly tone: "good" | "busy" | "bad";
}

export function phraseFor(connection: Connection): Phrase {
  const machine = connection.machine ?? "the machine";
  switch (connection.stage) {
    case "unpaired":
      return { title: "No machine yet", hint: "Link this page with a machine to use its terminals.", busy: false, tone: "busy" };
    case "offline":
      return { title: "No connection", hint: problemOr(connection, "Check that this device is on a network that reaches the relay. It is tried again by itself."), busy: true, tone: "bad" };
    case "signing-in":
      return { title: "Signing in", hint: "The relay is asked to let this device in.", busy: true, tone: "busy" };
    case "waiting":
      return { title: `Waiting for ${machine}`, hint: problemOr(connection, "See that “mobifai serve” runs there. If another phone is using it, it comes when that one is done."), busy: true, tone: "busy" };
    case "securing":
      return { title: "Securing the connection", hint: `Agreeing on keys with ${machine}.`, busy: true, tone: "busy" };
    case "ready":
      return { title: `Connected to ${machine}`, hint: pathPhrase(connection), busy: false, tone: "good" };
    case "refused":
      return { title: "Refused", hint: problemOr(connection, "The machine does not know this device. Link it again with a new QR code."), busy: false, tone: "bad" };
  }
}

/** What stands over a terminal that can't be used. Who is refused is told why, and what to do. */
export function bannerText(connection: Connection): string {
  const { title, hint } = phraseFor(connection);
  if (connection.stage === "refused") return hint;
  return connection.waitingFor === null ? title : `${title} · waiting for ${connection.waitingFor}`;
}

function problemOr(connection: Connection, otherwise: string): string {
  return connection.problem ?? otherwise;
}

function pathPhrase(connection: Connection): string {
  const way = connection.path === "channel" ? "Directly" : "Through the relay";
  return connection.latencyMs === null ? `${way}.` : `${way}, ${latency(connection.latencyMs)} there and back.`;
}

/** The few letters under the status picture. */
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

/** What a screen reader is told when the state changes; latency alone is no change. */
export function spokenState(connection: Connection): string {
  const phrase = phraseFor(connection);
  return connection.stage === "ready" ? `${phrase.title}, ${pathWord(connection)}` : phrase.title;
}
