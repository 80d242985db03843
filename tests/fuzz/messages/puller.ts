import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import {
  alternateTopicDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import { textField } from "../amqp/fields.ts";
import type { Rig } from "../rig.ts";
import { folderName } from "../values/texts.ts";
import { announcement, type Mutation, productParts, withHeader } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { oddAnswers, startProductServer } from "./product-server.ts";
import { checkPlaced, receiverQueue } from "./receiver.ts";
import { fingerprint, messageRunner } from "./run.ts";

const exchange = "cmc";
const productBytesMax = 64;
/** One in four is a twin, also among the valid ones. */
const isTwin = (index: number): boolean => (index + Math.floor(index / 50)) % 4 === 3;

const oddServer: fc.Arbitrary<Mutation> = fc.constantFrom(...Object.keys(oddAnswers)).map((folder) => ({
  label: `server: ${folder}`,
  parts: (parts) => ({ ...parts, folder: `${folder}/` }),
}));

/** Few retries with short timeouts, because many messages cause faults. */
export function pullerConfig(rig: Rig, server: URL) {
  return {
    broker: rig.brokerSettings,
    receiverQueueDirectory: join(rig.folder, receiverQueue),
    // The puller connects to nothing else: no other host and no name server.
    allowedHosts: [server.host],
    prefetch: 20,
    peersWaitMs: 300,
    // The server also has the valid products, so its odd answers must not exclude it.
    originFaultsMax: 1000,
    ...{ retriesMax: 1, triesBeforeAlternate: 2, retryDelayMinMs: 1, retryDelayMaxMs: 5 },
    ...{ localHoldMs: 200, localRetryDelayMaxMs: 50 },
    ...{ connectTimeoutMs: 1000, pullTimeoutMs: 1000, pullDeadlineMs: 2000 },
  };
}

/** The puller's queue: first announcements and twins from dispatchers. */
export const pullerQueueRunner = messageRunner(
  "puller-queue",
  "the pull queue: announcements and twins, from servers of every kind",
  async (rig) => {
    const server = await startProductServer(rig.cleanup);
    const folder = rig.makeFolder(receiverQueue);
    rig.makeFolder(receiverQueue, folderName);
    return {
      agent: "puller",
      config: pullerConfig(rig, server),
      exchange,
      queue: "cmc.urp.pull",
      mutations: mutationsOf([15, oddServer]),
      partsOf: (index) => productParts(index, server.href),
      compose(parts, index) {
        if (!isTwin(index)) return announcement("v00", parts, notifyTopicDefault, index);
        const draft = announcement("v00", parts, twinTopicDefault, index);
        return withHeader(draft, "x-warren-alternate", textField("the first one failed"));
      },
      collected: [["fuzz.heard", exchange, [pulledTopicDefault, `${alternateTopicDefault}.#`]]],
      counted: ({ fields: { routingKey }, content }) =>
        routingKey === pulledTopicDefault ? content.toString("latin1") : `request ${fingerprint(content)}`,
      expected({ body }) {
        const read = codecV00.parse({ body });
        return { outs: read.ok ? [read.value.key ?? ""] : [], instead: `request ${fingerprint(body)}` };
      },
      async pause({ findings }, isLast) {
        if (!isLast) return;
        checkPlaced(rig, findings);
        for (const file of readdirSync(folder)) {
          const { size } = statSync(join(folder, file));
          if (file === folderName || size <= productBytesMax) continue;
          findings.push(`pulled a file of ${size} bytes, more than any product has (${productBytesMax}): ${file}`);
        }
      },
    };
  },
);
