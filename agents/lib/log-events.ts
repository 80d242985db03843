/**
 * The key `event` of lines that programs look for in journals: its names stay, whatever is said beside them. A line that nobody looks for has none. The
 * queue manager's lines have the names of its audit file (`agents/queue-manager/audit.ts`).
 */
export const logEvents = {
  /** With `cpuMs`, milliseconds of processor that the start took. */
  ready: "ready",
  brokerConnected: "broker-connected",
  brokerLost: "broker-lost",
  channelFailed: "channel-failed",
  addressHeld: "address-held",
  addressLeft: "address-left",
  /** The first decision after the address came, with `sinceAddressMs` and `sinceDeliveryMs`, of the first announcement. */
  takenOver: "taken-over",
  deadLetter: "dead-letter",
  /** A sender's, of each file. */
  delivered: "delivered",
} as const;

export type LogEvent = (typeof logEvents)[keyof typeof logEvents];
