import { expect, it } from "vitest";
import { formerHealth } from "./former-health.ts";

// Sentences of agents as of 0.1.0's first builds.
it.each([
  ["24552 announced, 1 waiting; connected to amqps://10.203.4.50:5671", "broker", true, false],
  ["active, holding 10.203.4.50; connected to 127.0.0.1:5672; 0 in flight, 9 remembered", "broker", true, false],
  ["9 waiting; no connection to amqps://10.203.4.50:5671: connect ECONNREFUSED", "broker", false, false],
  ["9 waiting; broker amqps://10.203.4.50:5671 takes no messages: low on disk", "broker", true, true],
  ["9 delivered, 0 waiting, 0 put aside; connected to sftp://px@wxo-b1:22; 4 held: Failure", "server", true, undefined],
  ["9 delivered, 4 waiting, 0 put aside; not connected to ftp://px@wxo-b1:21: refused", "server", false, undefined],
  ["starting", undefined, undefined, undefined],
  ["3 queues, 0 of them unused and too full, 0 deleted lately", undefined, undefined, undefined],
])("reads the connection of earlier agents from their sentences: %s", (text, connectionTo, connected, blocked) => {
  const { ok, ...found } = formerHealth({ ok: true, text, spooled: 1 }) ?? {};
  expect(ok).toBe(true);
  expect(found).toEqual({
    ...{ text, spooled: 1 },
    ...(connectionTo === undefined ? {} : { connectionTo, connected }),
    ...(blocked === undefined ? {} : { blocked }),
  });
});

it.each([[undefined], ["ok"], [{ ok: true }], [{ ok: 1, text: "a" }]])("ignores %j", (answer) => {
  expect(formerHealth(answer)).toBeUndefined();
});
