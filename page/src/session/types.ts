/**
 * What the page's views know of a machine's agent, and what they may ask of it.
 *
 * A `Session` is one machine. It connects, pairs, encrypts, resumes and comes back by itself; views show its state and
 * call its methods. No method throws for a connection that is not there: what can't be sent is dropped, except input,
 * which is refused (`input` says so) since typed text must not arrive later at another prompt.
 */

import type { Combination, FromAgent, FromPhone, Health } from "../protocol/messages";

export type { AiStep, BoundState, Combination, Health } from "../protocol/messages";

/** How far the connection is. `linking`: no machine is known yet, a link is needed. */
export type ConnectionStage =
  | "linking" // no machine is known: scan a QR code or paste a link
  | "offline" // no connection to the relay
  | "signing-in" // the relay is asked to let this device in
  | "waiting" // signed in; the machine is not there, or busy with another phone
  | "securing" // paired; the end-to-end handshake is under way
  | "ready" // terminals can be used
  | "refused"; // the machine or the relay does not want this device; `problem` says why and what to do

export type Path = "channel" | "relay";

export interface Connection {
  readonly stage: ConnectionStage;
  /** By which path messages go now; null when not ready. */
  readonly path: Path | null;
  /** Round trip of the last echo, in milliseconds; null before the first one. */
  readonly latencyMs: number | null;
  /** What is being waited for, as a short phrase for people ("the relay", "the machine", ...); null when ready. */
  readonly waitingFor: string | null;
  /** What went wrong last, for people; null when nothing did. */
  readonly problem: string | null;
  /** The machine's name, once known. */
  readonly machine: string | null;
}

/** A machine that this browser is linked to. */
export interface KnownMachine {
  readonly id: string;
  /** What the person calls it, or its agent does; null before it has answered. */
  readonly name: string | null;
  /** Of its key, as the machine shows it. */
  readonly fingerprint: string;
  readonly isUsed: boolean;
}

/** A link to a machine that this page does not know, while it knows others. */
export interface UnknownMachineLink {
  /** The machine that is used, or the one that would be replaced. */
  readonly known: KnownMachine;
  /** The link names the known machine, with another key. */
  readonly replaces: boolean;
  readonly machine: string;
  readonly fingerprint: string;
}

export interface Tab {
  readonly uuid: string;
  readonly name: string;
  readonly createdAt: number;
  /** It printed output that was not shown yet. */
  readonly unseen: boolean;
  /** How its shell ended, in words; its last screen stays until the tab is closed. */
  readonly exit?: string | null;
}

/** Output for one terminal. `reset`: a whole screen begins; what was shown before is void. */
export interface TerminalOutput {
  readonly uuid: string;
  readonly data: string;
  readonly reset: boolean;
  /** A kept screen goes on here, or begins: nothing of it is happening now, so questions in it must not be answered. */
  readonly replayed?: boolean;
  /** Bytes that were printed and will never be shown here; 0 mostly. */
  readonly skipped: number;
  /** To be called once when this is rendered; tells the agent how far the phone is. */
  rendered(): void;
}

type AssistantEvents = { readonly [E in keyof FromAgent as E extends `ai:${infer Name}` ? Name : never]: FromAgent[E] };

/** Send a message to the agent; false when it can't be sent. */
export type Send = <Event extends keyof FromPhone>(event: Event, payload: FromPhone[Event]) => boolean;

/** What the assistant does, as the agent reports it: a message of the agent without the prefix `ai:`. */
export type AssistantEvent = { [Name in keyof AssistantEvents]: { readonly type: Name } & AssistantEvents[Name] }[keyof AssistantEvents];

/** The newest conversation of a terminal, for a page that comes back; `dropped` steps before these are gone. */
export type AssistantHistory = Extract<AssistantEvent, { type: "history" }>;

/** What of an account's settings at the relay (`/api/settings`) is of this page: it looks like something, and does nothing. */
export interface Settings {
  readonly theme?: string;
  readonly fontSize?: number;
  readonly page?: { readonly palette?: string; readonly scheme?: string };
}

export interface OwnKeys {
  /** Null: none were ever chosen. */
  readonly list: readonly Combination[] | null;
  /** The machine's agent has said what it keeps, or keeps none. */
  readonly isSettled: boolean;
}

export interface SessionEvents {
  /** The connection's state changed. */
  connection: (connection: Connection) => void;
  /** Machines were added, renamed or forgotten, or another one is used. */
  machines: (machines: readonly KnownMachine[]) => void;
  /** Tabs came, went, were renamed, reordered, or have unseen output. */
  tabs: (tabs: readonly Tab[]) => void;
  /** Output for a terminal that is shown. */
  output: (output: TerminalOutput) => void;
  /** A terminal is no more: the shell ended by itself, or it was closed. */
  ended: (uuid: string) => void;
  /** A link has led to a machine without a terminal: the view makes one, so that people can type at once. */
  firstContact: () => void;
  /** Something could not be done, for people. */
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

  /** Listen; call what it returns to stop. */
  on<K extends keyof SessionEvents>(event: K, listener: SessionEvents[K]): () => void;

  /** Connect, and stay connected until `close`. */
  open(): void;
  close(): void;
  /** The page became visible, or is back on a network: see at once whether the path is alive, reconnect if not. */
  wake(): void;
  /** Connect again at once, also after a refusal. */
  tryAgain(): void;
  /**
   * Take a link (a whole address or its fragment). Rejects with a sentence for people when it is none.
   *
   * Where another machine is known, `agree` is asked first: without the person nothing is used, sent or replaced.
   */
  link(text: string, agree?: (link: UnknownMachineLink) => Promise<boolean>): Promise<void>;
  /** Use another machine. */
  choose(id: string): void;
  /** Give a machine a name of the person's own; its agent's name again with an empty one. */
  renameMachine(id: string, name: string): void;
  /** Forget a machine and its keys, by default the one that is used. */
  forget(id?: string): void;

  /** Make a terminal of this size; its uuid. It becomes the shown one. */
  create(cols: number, rows: number, name?: string): string;
  rename(uuid: string, name: string): void;
  terminate(uuid: string): void;
  /** Show exactly these terminals: only they get output. */
  show(uuids: readonly string[]): void;
  /** Put the tabs in this order; kept in this browser. */
  reorder(uuids: readonly string[]): void;
  /** Type; false when it could not be sent now (it is not kept). */
  input(uuid: string, data: string): boolean;
  resize(uuid: string, cols: number, rows: number): void;
  /** The terminal's picture was thrown away (to save memory): the next `show` of it brings the whole screen. */
  dropScreen(uuid: string): void;

  prompt(text: string, uuid: string): void;
  cancel(uuid?: string): void;
  approve(id: string, ok: boolean): void;

  /** How the agent is. Rejects with a sentence for people after some seconds without an answer. */
  health(): Promise<Health>;
  /** Merge into the account's settings at the relay. */
  putSettings(changes: Settings): Promise<void>;
  /** Change the person's own keys for this machine, here and at its agent. */
  putOwnKeys(list: readonly Combination[]): void;
}
