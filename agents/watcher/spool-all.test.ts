import { expect, test } from "vitest";
import type { SpooledMessage } from "../lib/spooled-publisher.ts";
import type { OutgoingMessage } from "./messages.ts";
import { spoolAll } from "./spool-all.ts";

const message = (format: "v02" | "exp", bodyBytes: number): OutgoingMessage => ({
  format,
  routingKey: format,
  message: { body: Buffer.alloc(bodyBytes), headers: {}, contentType: "text/plain" },
});

function arrange(bytes: number) {
  const published: SpooledMessage[] = [];
  const publisher = { publish: async (one: SpooledMessage) => void published.push(one) };
  return { published, options: { exchange: "xpublic", publisher, spool: { bytes }, bytesMax: 65_536 } };
}

test("all messages of a change go to the exchange", async () => {
  const { published, options } = arrange(0);
  await spoolAll([message("v02", 10), message("exp", 20)], options);
  expect(published.map(({ exchange, routingKey, body }) => [exchange, routingKey, body.length])).toEqual([
    ["xpublic", "v02", 10],
    ["xpublic", "exp", 20],
  ]);
});

test("if there is room for only one of two, none is stored", async () => {
  const { published, options } = arrange(65_536 - 6000);
  await expect(spoolAll([message("v02", 90), message("exp", 90)], options)).rejects.toThrow("the spool is full");
  expect(published).toEqual([]);
  await spoolAll([message("v02", 90)], options);
  expect(published).toHaveLength(1);
});

test("the longest messages of all four formats fit into the smallest spool", async () => {
  const { published, options } = arrange(0);
  const longest = Array.from({ length: 4 }, () => message("v02", 8192));
  await spoolAll(longest, options);
  expect(published).toHaveLength(4);
});
