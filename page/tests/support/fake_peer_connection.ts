/** A fake peer connection, with the one data channel that an agent creates. */

class FakeDataChannel {
  readyState = "connecting";
  onmessage: ((event: { data: string }) => void) | null = null;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(private readonly sent: (message: string) => void) {}

  send(message: string): void {
    if (this.readyState !== "open") throw new Error("the channel is not open");
    this.sent(message);
  }
}

export class FakePeerConnection {
  readonly channel: FakeDataChannel;
  readonly candidates: unknown[] = [];
  ondatachannel: ((event: { channel: FakeDataChannel }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  connectionState = "new";
  iceGatheringState = "complete";
  remoteDescription: RTCSessionDescriptionInit | null = null;
  localDescription: RTCSessionDescriptionInit | null = null;
  closed = false;

  constructor(sent: (message: string) => void) {
    this.channel = new FakeDataChannel(sent);
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.remoteDescription = description;
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    return { type: "answer", sdp: "the phone's answer" };
  }

  async setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.localDescription = description;
  }

  async addIceCandidate(candidate: unknown): Promise<void> {
    this.candidates.push(candidate);
  }

  close(): void {
    this.closed = true;
    this.channel.readyState = "closed";
  }

  // -- for tests

  gathered(): void {
    this.iceGatheringState = "complete";
    this.onicegatheringstatechange?.();
  }

  open(): void {
    this.connectionState = "connected";
    this.ondatachannel?.({ channel: this.channel });
    this.channel.readyState = "open";
    this.channel.onopen?.();
  }

  receive(message: string): void {
    if (this.channel.readyState === "open") this.channel.onmessage?.({ data: message });
  }

  lose(): void {
    this.channel.readyState = "closed";
    this.channel.onclose?.();
    this.connectionState = "failed";
    this.onconnectionstatechange?.();
  }
}
