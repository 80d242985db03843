import type { LedgerRecord } from "../events.ts";
import { keyOf, type Message, sources } from "./message.ts";

const sizeBytes = 498_081;

/** What a message in the ledger tells the process `author`. */
export function recordOf(message: Message, author: number): LedgerRecord {
  const key = keyOf(message.product);
  const atMs = message.stampMs === 0 ? undefined : message.stampMs;
  switch (message.kind) {
    case "notify": {
      const source = sources[message.source] ?? "";
      return { kind: "published", key, atMs: message.stampMs, source, sizeBytes, ours: message.author === author };
    }
    case "twin":
      return { kind: "twin", key };
    case "request":
      return { kind: "request", key, routingKey: message.routingKey, reason: message.text, atMs };
    case "receipt":
      return { kind: "pulled", key, atMs };
    default:
      return { kind: "marker", token: message.text };
  }
}
