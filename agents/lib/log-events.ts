/**
 * Values of the key `event` of log lines that programs search for: the names stay, even if the messages change. Lines that no
 * program searches for have none. The queue manager's lines have the names of its audit file (`agents/queue-manager/audit.ts`).
 */
export const logEvents = {
  /** With `cpuMs`, the milliseconds of CPU time that the start took. */
  ready: "ready",
  brokerConnected: "broker-connected",
  brokerLost: "broker-lost",
  channelFailed: "channel-failed",
  addressHeld: "address-held",
  addressLeft: "address-left",
  /** The first decision after the address arrived, with `sinceAddressMs` and `sinceDeliveryMs` (since the first announcement). */
  takenOver: "taken-over",
  deadLetter: "dead-letter",
  /** From a sender, for each file. */
  delivered: "delivered",
} as const;

export type LogEvent = (typeof logEvents)[keyof typeof logEvents];
