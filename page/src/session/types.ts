/**
 * The interface between the page's views and a machine's agent.
 *
 * A `Session` connects, pairs, encrypts, resumes and reconnects; views show its state and call its methods. No method
 * throws because there is no connection: messages that can't be sent are dropped. `input` reports this in its result, since typed text
 * must not arrive later at another prompt.
 */

import type { Combination, FromAgent, FromPhone, Health } from "../protocol/messages";

export type { AiStep, BoundState, Combination, Health } from "../protocol/messages";

/** The stage of the connection. */
export type ConnectionStage =
  | "unpaired" // no machine is known: scan a QR code or paste a link
  | "offline" // no connection to the relay
  | "signing-in" // the relay checks whether this browser may connect
  | "waiting" // signed in; the machine is not connected, or serves another phone
  | "securing" // the machine and this page prove their keys and agree on an encrypted session
  | "ready" // terminals can be used
  | "refused"; // the machine or the relay refuses this browser; `problem` says why and what to do

/** How messages travel: directly by a WebRTC data channel, or through the relay. */
export type Path = "channel" | "relay";

export interface Connection {
  readonly stage: ConnectionStage;
  /** The path that messages take; null when not ready. */
  readonly path: Path | null;
  /** The last round-trip time in milliseconds; null before the first. */
  readonly latencyMs: number | null;
  /** The event that the connection waits for, as a short phrase for people ("the relay", "the machine"); null when ready. */
  readonly waitingFor: string | null;
  /** The last problem, as a sentence for people; null when there is none. */
  readonly problem: string | null;
  /** The machine's name, once known. */
  readonly machine: string | null;
}

/** A machine that this browser is paired with. */
export interface KnownMachine {
  readonly id: string;
  /** The name that the user gave the machine, or else its agent's; null before the agent has answered. */
  readonly name: string | null;
  /** The fingerprint of its key, as the machine shows it. */
  readonly fingerprint: string;
  readonly isUsed: boolean;
}

/** An invitation link to a machine that this page does not know, while it knows others. */
export interface UnknownMachineLink {
  /** The machine that is used, or the one that would be replaced. */
  readonly known: KnownMachine;
  /** The link names the known machine, but with another key. */
  readonly replaces: boolean;
  readonly machine: string;
  readonly fingerprint: string;
}

export interface Tab {
  readonly uuid: string;
  readonly name: string;
  readonly createdAt: number;
  /** The tab has output that was not shown yet. */
  readonly unseen: boolean;
  /** How the tab's shell ended, in words. Its last screen stays until the tab is closed. */
  readonly exit?: string | null;
}

/** Output for one terminal. */
export interface TerminalOutput {
  readonly uuid: string;
  readonly data: string;
  /** A replay begins: discard the output that was shown before. */
  readonly reset: boolean;
  /** The output is a replay: a terminal must not answer queries in it, since the programs no longer wait for answers. */
  readonly replayed?: boolean;
  /** The number of bytes that were printed and are never shown here; usually 0. */
  readonly skipped: number;
  /** Call this once, when the output is rendered: it acknowledges the output to the agent. */
  rendered(): void;
}

type AssistantEvents = { readonly [E in keyof FromAgent as E extends `ai:${infer Name}` ? Name : never]: FromAgent[E] };

/** Send a message to the agent. Returns whether it was sent. */
export type Send = <Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event]) => boolean;

/** An event of the assistant: a message of the agent, without the prefix `ai:`. */
export type AssistantEvent = { [Name in keyof AssistantEvents]: { readonly type: Name } & AssistantEvents[Name] }[keyof AssistantEvents];

/** The newest conversation of a terminal, for a page that comes back. `dropped` steps before these are gone. */
export type AssistantHistory = Extract<AssistantEvent, { type: "history" }>;

/** The part of an account's settings at the relay (`/api/settings`) that this page uses: appearance only. */
export interface Settings {
  readonly theme?: string;
  readonly fontSize?: number;
  readonly page?: { readonly palette?: string; readonly scheme?: string };
}

export interface OwnKeys {
  /** Null if the user has never changed the combinations. */
  readonly list: readonly Combination[] | null;
  /** The agent has sent its list, or does not store any. */
  readonly isSettled: boolean;
}

export interface SessionEvents {
  /** The connection's state changed. */
  connection: (connection: Connection) => void;
  /** Machines were added, renamed or forgotten, or another one is used. */
  machines: (machines: readonly KnownMachine[]) => void;
  /** Tabs were added, removed, renamed or reordered, or have unseen output. */
  tabs: (tabs: readonly Tab[]) => void;
  /** Output for a terminal that is shown. */
  output: (output: TerminalOutput) => void;
  /** A terminal is gone: its shell ended, or it was closed. */
  ended: (uuid: string) => void;
  /** The machine of a new link has no terminal: the view makes one, so that the user can type right away. */
  firstContact: () => void;
  /** A request failed, for the reason in `message`, a sentence for people. */
  trouble: (message: string, uuid: string | null) => void;
  assistant: (event: AssistantEvent) => void;
  settings: (settings: Settings) => void;
  ownKeys: (keys: OwnKeys) => void;
}

export interface Session {
  readonly connection: Connection;
  readonly machines: readonly KnownMachine[];
  readonly tabs: readonly Tab[];
  readonly settings: Settings;
  readonly ownKeys: OwnKeys;

  /** Call `listener` for each event of this kind. Returns a function that stops this. */
  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void;

  /** Connect, and stay connected until `close`. */
  open(): void;
  close(): void;
  /** The page became visible, or is back on a network: check the path now, and reconnect if it is dead. */
  wake(): void;
  /** Connect again now, also after a refusal. */
  tryAgain(): void;
  /**
   * Pair with the machine of an invitation link: a whole address, or its fragment. Rejects with a sentence for people
   * when the link can't be used.
   *
   * While another machine is known, `confirm` asks the user first: otherwise nothing is used, sent or replaced.
   */
  pair(link: string, confirm?: (link: UnknownMachineLink) => Promise<boolean>): Promise<void>;
  /** Use another machine. */
  choose(id: string): void;
  /** Give a machine a name in this browser. An empty name restores the agent's own. */
  renameMachine(id: string, name: string): void;
  /** Forget a machine and its keys; by default the one that is used. */
  forget(id?: string): void;

  /** Create a terminal of this size, and show it. Returns its uuid. */
  create(cols: number, rows: number, name?: string): string;
  rename(uuid: string, name: string): void;
  terminate(uuid: string): void;
  /** Show exactly these terminals: only they get output. */
  show(uuids: readonly string[]): void;
  /** Put the tabs into this order, which this browser keeps. */
  reorder(uuids: readonly string[]): void;
  /** Type text. Returns false when it could not be sent; it is not sent later. */
  input(uuid: string, data: string): boolean;
  resize(uuid: string, cols: number, rows: number): void;
  /** Report that the view has discarded a terminal's screen: the next `show` brings all of it. */
  dropScreen(uuid: string): void;

  prompt(text: string, uuid: string): void;
  cancel(uuid?: string): void;
  approve(id: string, ok: boolean): void;

  /** Ask for the agent's health. Rejects with a sentence for people when there is no answer within some seconds. */
  health(): Promise<Health>;
  /** Merge changes into the account's settings at the relay. */
  putSettings(changes: Settings): Promise<void>;
  /** Change the user's own keys for this machine, here and at its agent. */
  putOwnKeys(list: readonly Combination[]): void;
}
