import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { textField } from "../amqp/fields.ts";
import type { Rig } from "../rig.ts";
import { folderName } from "../values/texts.ts";
import { changes, productParts, withHeader } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { fingerprint, messageRunner } from "./run.ts";

const queue = "fuzz.receiver";
const exchange = "fuzz.products";
export const receiverQueue = "rxq";
/** Names that no file in a receiver queue may have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const forbidden = /[\u0000-\u001f\u007f]|^\.|\.tmp$/;

/** Finds forbidden names in the receiver queue, and files outside it. */
export function checkPlaced(rig: Rig, findings: string[]): void {
  for (const file of readdirSync(join(rig.folder, receiverQueue))) {
    if (forbidden.test(file)) findings.push(`a file is named ${JSON.stringify(file)}`);
  }
  for (const file of readdirSync(rig.folder)) {
    if (["password", receiverQueue, "state"].includes(file) || file.endsWith(".json")) continue;
    findings.push(`a file was made outside of the receiver queue: ${JSON.stringify(file)}`);
  }
}

const withoutHeaders = changes(fc.constant("left out"), "headers", (draft) => ({ ...draft, headers: [] }));

/** Messages with products, which the receiver writes as files into a folder. */
export const receiverRunner = messageRunner("receiver", "messages that are products: names, headers, bodies", (rig) => {
  const folder = rig.makeFolder(receiverQueue);
  rig.makeFolder(receiverQueue, folderName);
  const { brokerSettings: broker } = rig;
  return {
    agent: "receiver",
    config: { broker, exchange, queue, bindingKeys: ["#"], receiverQueueDirectory: folder, retryDelayMaxMs: 100 },
    exchange,
    queue,
    mutations: mutationsOf([10, withoutHeaders]),
    partsOf: (index) => productParts(index, ""),
    compose({ name }, index) {
      const draft = { headers: [], properties: {}, body: Buffer.from(`content of ${index}`) };
      return withHeader({ ...draft, routingKey: Buffer.from(`products.p${index}`) }, "filename", textField(name));
    },
    expected: ({ body }) => ({ outs: [fingerprint(body)], outMax: (count, refused) => count - refused }),
    // Consumes the files as px does: a name with a dot is still being written.
    async pause(run, isLast) {
      if (isLast) checkPlaced(rig, run.findings);
      for (const file of readdirSync(folder)) {
        const path = join(folder, file);
        if ((file.startsWith(".") && !isLast) || !statSync(path).isFile()) continue;
        run.count(fingerprint(readFileSync(path)));
        rmSync(path);
      }
    },
  };
});
