import type { Effect, Event } from "../../agents/dispatcher/events.ts";
import { productOf, readBody, sources } from "./message.ts";

/** An event for the trace. */
export function describeEvent(event: Event): string {
  if (event.type === "delivery") {
    const { id, body, redelivered, marks } = event.delivery;
    const { product, source } = readBody(body);
    return `delivery ${id} of ${product}/${sources[source]}${redelivered ? " redelivered" : ""}${marks.reason ? " request" : ""}`;
  }
  if (event.type !== "ledger") return shorten(event);
  return `ledger ${shorten(event.record)}`;
}

export function describeEffect(effect: Effect): string {
  if (!("delivery" in effect) || typeof effect.delivery === "number") return shorten(effect);
  return shorten({ ...effect, delivery: effect.delivery.id });
}

/** Replaces keys by product numbers. */
function shorten(value: object): string {
  return JSON.stringify(value).replace(/"key":"([0-9a-f]{32})"/g, (_, key: string) => `product ${productOf(key)}`);
}
