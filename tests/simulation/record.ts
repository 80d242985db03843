import type { LedgerRecord } from "../../agents/dispatcher/events.ts";
import { keyOf, type Message, sources } from "./message.ts";

const sizeBytes = 498_081;

/** The ledger record that the process `author` reads from a message. */
export function recordOf(message: Message, author: number): LedgerRecord {
  const key = keyOf(message.product);
  const source = sources[message.source] ?? "";
  const atMs = message.stampMs === 0 ? undefined : message.stampMs;
  switch (message.kind) {
    case "notify":
      return { kind: "published", key, atMs: message.stampMs, source, sizeBytes, ours: message.author === author };
    case "twin":
      return { kind: "twin", key, source, routingKey: message.routingKey, reason: message.text };
    case "request":
      return { kind: "request", key, routingKey: message.routingKey, reason: message.text, source, atMs };
    case "receipt":
      return { kind: "pulled", key, atMs };
    default:
      return { kind: "marker", token: message.text };
  }
}
