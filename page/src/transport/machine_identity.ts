/** The identities of a machine and of this browser, and the credentials for the relay. */

/** This browser's identity at one machine and its relay. Each machine sees a different one. */
export interface Device {
  readonly id: string;
  /** The secret keys, for the relay and for the machine. */
  readonly relaySecret: Uint8Array;
  readonly secret: Uint8Array;
}

/** The relay's token, and the invitation link's secret until the machine has pinned this browser's key. */
export interface Credentials {
  readonly token: string | null;
  readonly secret: Uint8Array | null;
}

export interface MachineIdentity {
  readonly id: string;
  readonly key: Uint8Array;
  /** This browser's identity there. */
  readonly device: Device;
}
