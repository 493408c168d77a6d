/** Who a machine is to this browser, who this browser is to it, and what the relay lets it in with. */

/** This browser's identity for one machine and its relay. Each machine sees a different one. */
export interface Device {
  readonly id: string;
  /** The secret keys, for the relay and for the machine. */
  readonly relaySecret: Uint8Array;
  readonly secret: Uint8Array;
}

/** What lets this browser in: `secret` is the link's, until the machine has pinned this browser's key. */
export interface Credentials {
  readonly token: string | null;
  readonly secret: Uint8Array | null;
}

export interface MachineIdentity {
  readonly id: string;
  readonly key: Uint8Array;
  /** Who this browser is there. */
  readonly device: Device;
}
