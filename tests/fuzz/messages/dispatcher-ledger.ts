import fc from "fast-check";
import {
  inputTopicDefault,
  ledgerKeptMessages,
  markerTopicDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import { indicesOf, isValidIndex } from "../seeds.ts";
import { collectedOfDispatcher, dispatcherConfig, exchange, hostName, inputQueue } from "./dispatcher.ts";
import { announcement, changes, productParts } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { type MessageRun, messageRunner } from "./run.ts";

/** First index of products that were never announced before. */
const freshFrom = 1_000_000_000;
const freshCount = 50;
const keyBytes = 32;

/** Forged messages of dispatchers, pullers and the host itself for the ledger. */
const otherTopics = changes(
  fc.tuple(
    fc.constantFrom(
      pulledTopicDefault,
      `${markerTopicDefault}.${hostName}`,
      `${twinTopicDefault}.x`,
      notifyTopicDefault,
    ),
    fc.boolean(),
  ),
  ([topic, keyOnly]) => `under ${topic}, ${keyOnly ? "only the key" : "unchanged"}`,
  (draft, [topic, keyOnly]) => ({
    ...draft,
    routingKey: Buffer.from(topic),
    body: keyOnly ? draft.body.subarray(0, keyBytes) : draft.body,
  }),
);

/** The dispatcher's ledger: it must know valid messages, and others must not block it. */
export const dispatcherLedgerRunner = messageRunner(
  "dispatcher-ledger",
  "the ledger: forged announcements, receipts, twins, markers",
  (rig) => ({
    agent: "dispatcher",
    config: dispatcherConfig(rig),
    exchange,
    queue: `cmc.urp.ledger.${hostName}`,
    keptMessages: ledgerKeptMessages,
    mutations: mutationsOf([80, otherTopics]),
    partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
    compose(parts, index) {
      const properties = { timestamp: BigInt(Math.floor(Date.now() / 1000)) };
      return { ...announcement("v00", parts, notifyTopicDefault, index), properties };
    },
    collected: collectedOfDispatcher,
    // No mutation forges a dispatcher's app id.
    counted: ({ properties: { appId }, content }) =>
      String(appId).startsWith("dispatcher") ? content.toString("latin1", 0, keyBytes) : undefined,
    expected: () => ({ outs: [], mayVanish: true }),
    after: announceAgain,
  }),
);

/** Announces the products that the ledger has, and new ones. @returns how many of the ledger's products were recognised */
async function announceAgain(run: MessageRun): Promise<number> {
  const { rig, options, findings } = run;
  const valid = [...indicesOf(options)].filter(isValidIndex);
  const fresh = Array.from({ length: freshCount }, (_, at) => freshFrom + at);
  for (const index of [...valid, ...fresh]) {
    const parts = productParts(index, "http://urp-2.invalid/");
    const { body, headers, routingKey } = announcement("v00", parts, inputTopicDefault, index);
    await rig.publishing.send(index, { exchange, routingKey, body, properties: { headers } });
  }
  const stopped = await rig.until(() => rig.messagesIn(inputQueue));
  if (stopped !== undefined) findings.push(`announcements were left after the ledger was read: ${stopped}`);
  const count = (index: number) => run.countOf(productParts(index, "").key);
  for (const index of valid.filter((one) => count(one) > 0)) {
    findings.push(`dispatched although the ledger has it: ${run.describe({ index, what: "valid" })}`);
  }
  for (const index of fresh.filter((one) => count(one) !== 1)) {
    findings.push(`a new product was dispatched ${count(index)} times`);
  }
  return valid.filter((index) => count(index) === 0).length;
}
