/**
 * The assistant's conversation in each terminal, and the approvals it waits for. Pure: events in, frozen states out.
 *
 * Bounded: MAX_ENTRIES for each conversation (the oldest are dropped), one conversation for each terminal, MAX_APPROVALS open approvals.
 */

import type { AssistantEvent, AssistantHistory, AiStep } from "../../session/types";

export type Entry =
  | { readonly kind: "prompt"; readonly text: string }
  | { readonly kind: "step"; readonly text: string; readonly risk: string | null }
  | { readonly kind: "message"; readonly text: string; readonly notice: boolean }
  | { readonly kind: "end"; readonly text: string; readonly bad: boolean };

export interface Conversation {
  readonly running: boolean;
  readonly entries: readonly Entry[];
  readonly dropped: number;
}

export interface Approval {
  readonly id: string;
  readonly uuid: string;
  readonly actions: readonly AiStep[];
  /** The time by the page's clock, in milliseconds. */
  readonly expiresAt: number;
}

export interface AssistantState {
  readonly conversations: Readonly<Record<string, Conversation>>;
  readonly approvals: readonly Approval[];
}

export const MAX_ENTRIES = 200;
export const MAX_APPROVALS = 16;
export const MAX_TEXT = 20_000;
export const SILENT: Conversation = { running: false, entries: [], dropped: 0 };
export const NO_ASSISTANT: AssistantState = { conversations: {}, approvals: [] };

export function applyEvent(state: AssistantState, event: AssistantEvent, now: number): AssistantState {
  switch (event.type) {
    case "started":
      return append(state, event.uuid, { kind: "prompt", text: event.prompt }, true);
    case "action":
      return append(state, event.uuid, { kind: "step", text: describe(event.action), risk: event.action.risk ?? null }, true);
    case "message":
      return append(state, event.uuid, { kind: "message", text: event.text, notice: event.source === "agent" }, null);
    case "approval":
      return addApproval(state, { id: event.id, uuid: event.uuid, actions: event.actions, expiresAt: now + event.seconds * 1000 });
    case "finished":
      return finish(state, event.uuid, { kind: "end", text: summary(event), bad: false });
    case "error":
      return finish(state, event.uuid, { kind: "end", text: event.error, bad: true });
    case "answered":
      return removeApproval(state, event.id, now);
    case "conversations":
      return finishOthers(state, event.running);
    case "history":
      return restore(state, event, now);
  }
}

const LOST = "The machine's agent restarted, which ended this conversation.";

/** Ends each conversation that the agent no longer lists as running. */
function finishOthers(state: AssistantState, running: readonly string[]): AssistantState {
  const lost = Object.entries(state.conversations).filter(([uuid, conversation]) => conversation.running && !running.includes(uuid));
  const next = lost.reduce((before, [uuid]) => finish(before, uuid, { kind: "end", text: LOST, bad: true }), state);
  return { ...next, approvals: [] }; // the agent sends the open ones again
}

/** Replace the page's copy of a terminal's newest conversation with the machine's. */
function restore(state: AssistantState, history: AssistantHistory, now: number): AssistantState {
  const { uuid, prompt, running, dropped } = history;
  const conversation = state.conversations[uuid] ?? SILENT;
  const known = conversation.entries.reduce((found, entry, at) => (entry.kind === "prompt" && entry.text === prompt ? at : found), -1);
  const before: Conversation = { running, entries: known < 0 ? conversation.entries : conversation.entries.slice(0, known), dropped: conversation.dropped + dropped };
  const began = append({ ...state, conversations: { ...state.conversations, [uuid]: before } }, uuid, { kind: "prompt", text: prompt }, running);
  const steps = history.events.map(({ type, payload }) => ({ ...(payload as object), type: type.slice("ai:".length) }) as unknown as AssistantEvent);
  const next = steps.filter(isStep).reduce((all, event) => applyEvent(all, event, now), began);
  return { ...next, conversations: { ...next.conversations, [uuid]: { ...(next.conversations[uuid] ?? SILENT), running } } };
}

const isStep = (event: AssistantEvent): boolean => ["action", "message", "finished", "error"].includes(event.type);

function append(state: AssistantState, uuid: string, entry: Entry, running: boolean | null): AssistantState {
  const conversation = state.conversations[uuid] ?? SILENT;
  const entries = [...conversation.entries, bounded(entry)];
  const excess = Math.max(0, entries.length - MAX_ENTRIES);
  const next: Conversation = { running: running ?? conversation.running, entries: entries.slice(excess), dropped: conversation.dropped + excess };
  return { ...state, conversations: { ...state.conversations, [uuid]: next } };
}

function bounded(entry: Entry): Entry {
  return entry.text.length <= MAX_TEXT ? entry : { ...entry, text: `${entry.text.slice(0, MAX_TEXT)}…` };
}

function addApproval(state: AssistantState, approval: Approval): AssistantState {
  const others = state.approvals.filter((other) => other.id !== approval.id);
  return { ...state, approvals: [...others, approval].slice(-MAX_APPROVALS) };
}

function finish(state: AssistantState, uuid: string, entry: Entry): AssistantState {
  const next = append(state, uuid, entry, false);
  return { ...next, approvals: next.approvals.filter((approval) => approval.uuid !== uuid) };
}

export function removeApproval(state: AssistantState, id: string, now: number): AssistantState {
  const approvals = state.approvals.filter((approval) => approval.id !== id && approval.expiresAt > now);
  return approvals.length === state.approvals.length ? state : { ...state, approvals };
}

/** Drop the conversations and approvals of all other terminals. */
export function keepTerminals(state: AssistantState, uuids: readonly string[]): AssistantState {
  const known = new Set(uuids);
  const gone = Object.keys(state.conversations).filter((uuid) => !known.has(uuid));
  if (gone.length === 0) return state;
  const conversations = Object.fromEntries(Object.entries(state.conversations).filter(([uuid]) => known.has(uuid)));
  return { conversations, approvals: state.approvals.filter((approval) => known.has(approval.uuid)) };
}

export function describe(action: AiStep): string {
  if (action.text !== undefined) return `Types ${visible(action.text)}`;
  if (action.key !== undefined) return action.line === undefined ? `Presses ${action.key}` : `Presses ${action.key}, which runs ${visible(action.line)}`;
  if (action.ms !== undefined) return `Waits ${action.ms < 1000 ? `${action.ms} ms` : `${(action.ms / 1000).toFixed(1)} s`}`;
  return action.type === "request_screen" ? "Reads the screen" : action.type;
}

/** Escape invisible characters, and those that look like a space, so that people approve exactly what they see. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu, (character) => (character === "\n" ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`));
}

function summary(event: Extract<AssistantEvent, { type: "finished" }>): string {
  const word = event.outcome === "done" ? "Done" : event.outcome === "cancelled" ? "Cancelled" : event.outcome;
  return `${word} · ${event.turns} ${event.turns === 1 ? "turn" : "turns"} · ${event.tokens} tokens`;
}
