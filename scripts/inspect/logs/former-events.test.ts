import { expect, it } from "vitest";
import { eventOf } from "./journal.ts";

it.each([
  ["this host holds the virtual IP now", "address-held"],
  ["the virtual IP left this host", "address-left"],
  ["taken over: first decision 9 ms after the address came, 2 ms after the first announcement", "taken-over"],
  ["(658 Bytes) File /apps/px/txq/ftp/a delivered to ftp://px@wxo-b1:21/a (lat=0.1,speed=2.0)", "delivered"],
  ["(658 Bytes) Message a:b  delivered (lat=0.1,speed=2.0)", "delivered"],
  ["not sent: the same content was sent before", undefined],
])("recognises events of earlier agents by their sentences: %s", (text, event) => {
  expect(eventOf({ text, fields: {} })).toBe(event);
});

it("recognises events of current agents by name, whatever the message", () => {
  expect(eventOf({ text: "hurra", fields: { event: "address-held" } })).toBe("address-held");
});
