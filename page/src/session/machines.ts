/** The machines that this browser is paired with, at the relay that serves this page. */

import { sha256 } from "@noble/hashes/sha2.js";

import { base64, hex } from "../platform/bytes";
import { plainLine } from "../protocol/untrusted_text";
import { bytesOf, type JsonStorage, recordOf, stringOf } from "../platform/json_storage";
import type { Credentials, Device, MachineIdentity } from "../transport/machine_identity";

export const MAX_MACHINES = 16;
const MAX_NAME = 60;
const ID = /^[0-9a-f-]{36}$/;

export interface Machine extends MachineIdentity {
  /** The agent's name for the machine. */
  readonly name: string | null;
  /** The user's name for the machine. */
  readonly label: string | null;
  readonly credentials: Credentials;
  /** Credentials of a later link. They replace the others once the machine has accepted them. */
  readonly renewal: Credentials | null;
  /** The machine has listed no terminal since the link was opened. */
  readonly isNew: boolean;
}

export const nameOf = ({ name, label }: Machine): string | null => label ?? name;

/** Return a machine's name, made safe to show; null when nothing of it is left. */
export const machineName = (name: string): string | null => stringOf(plainLine(name, MAX_NAME));

/** Return a key's fingerprint for people to compare, as the machine shows it: 8 bytes of the SHA-256, in groups. */
export const fingerprint = (key: Uint8Array): string => hex(sha256(key).slice(0, 8)).replace(/(.{4})(?=.)/g, "$1 ");

export const sameKey = (one: Uint8Array, other: Uint8Array): boolean => hex(one) === hex(other);

/** The stored list of machines. It is read each time, since another page of this browser may have changed it. */
export class Machines {
  constructor(private readonly json: JsonStorage) {}

  get all(): readonly Machine[] {
    const found = this.json.read("machines");
    return Array.isArray(found) ? found.map(machineOf).filter((one): one is Machine => one !== null).slice(0, MAX_MACHINES) : [];
  }

  get(id: string | null): Machine | null {
    return this.all.find((one) => one.id === id) ?? null;
  }

  /** Add a machine, or change the one with its id. */
  put(machine: Machine): void {
    const all = this.all;
    const isKnown = all.some(({ id }) => id === machine.id);
    this.#write(isKnown ? all.map((one) => (one.id === machine.id ? machine : one)) : [...all, machine]);
  }

  remove(id: string): void {
    this.#write(this.all.filter((one) => one.id !== id));
  }

  #write(all: readonly Machine[]): void {
    this.json.write("machines", all.map(written));
  }
}

function machineOf(found: unknown): Machine | null {
  const from = recordOf(found);
  const [id, key, device] = [stringOf(from["id"]), bytesOf(from["key"], 32), deviceOf(from)];
  if (id === null || !ID.test(id) || key === null || device === null) return null;
  return {
    id, key, device,
    name: machineName(stringOf(from["name"]) ?? ""),
    label: machineName(stringOf(from["label"]) ?? ""),
    credentials: credentialsOf(from),
    renewal: from["renewal"] === undefined || from["renewal"] === null ? null : credentialsOf(recordOf(from["renewal"])),
    isNew: from["isNew"] === true,
  };
}

function deviceOf(from: Readonly<Record<string, unknown>>): Device | null {
  const [id, relaySecret, secret] = [stringOf(from["device"]), bytesOf(from["relayKey"], 32), bytesOf(from["ownKey"], 32)];
  return id === null || relaySecret === null || secret === null ? null : { id, relaySecret, secret };
}

const credentialsOf = (from: Readonly<Record<string, unknown>>): Credentials => ({ token: stringOf(from["token"]), secret: bytesOf(from["secret"], 16) });

function written({ id, key, name, label, device, credentials, renewal, isNew }: Machine): Record<string, unknown> {
  return {
    id, name, label, isNew,
    key: base64(key),
    device: device.id,
    relayKey: base64(device.relaySecret),
    ownKey: base64(device.secret),
    ...writtenCredentials(credentials),
    renewal: renewal && writtenCredentials(renewal),
  };
}

const writtenCredentials = ({ token, secret }: Credentials): Record<string, unknown> => ({ token, secret: secret && base64(secret) });
