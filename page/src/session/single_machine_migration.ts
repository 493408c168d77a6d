/** Migrates the storage of an earlier version, which knew one machine, to the list of machines. */

import { type JsonStorage, recordOf, stringOf } from "../platform/json_storage";

const ARRANGEMENT = ["order", "shown", "keys"] as const;
const IDENTITY = ["machine", "device", "relay-key", "key", "token"] as const;

export function moveOneMachine(json: JsonStorage): void {
  const machine = recordOf(json.read("machine"));
  const id = stringOf(machine["id"]);
  if (id !== null && json.read("machines") === null) {
    const identity = { device: json.read("device"), relayKey: json.read("relay-key"), ownKey: json.read("key"), token: json.read("token") };
    json.write("machines", [{ ...machine, ...identity }]);
    json.write("chosen", id);
    for (const name of ARRANGEMENT) {
      const found = json.read(name);
      if (typeof found === "object" && found !== null) json.write(`${name}.${id}`, found as Record<string, unknown>);
    }
  }
  for (const name of [...IDENTITY, ...ARRANGEMENT]) json.write(name, null);
}
