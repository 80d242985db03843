import fc from "fast-check";
import {
  inputTopicDefault,
  markerTopicDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import type { RawDelivery } from "../amqp/content.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { indicesOf, isValidTurn, validCount } from "../seeds.ts";
import { composeAs } from "./bridge.ts";
import { dispatcherConfig, exchange, hostName, inputQueue, pullQueue } from "./dispatcher.ts";
import type { Mutation } from "./draft.ts";
import { type MessageKind, productParts } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import { describe, hear, inRig, type MessageRun, pour } from "./run.ts";
import { Tally } from "./tally.ts";

const name = "dispatcher-ledger";
const ledgerQueue = `cmc.urp.ledger.${hostName}`;
/** Of the products that nobody has told of before: their first announcements. */
const freshFrom = 1_000_000_000;
const freshCount = 50;

/** Forged: what dispatchers, pullers and the host itself say in the ledger. */
const otherTopics: fc.Arbitrary<Mutation> = fc
  .constantFrom(pulledTopicDefault, `${markerTopicDefault}.${hostName}`, `${twinTopicDefault}.x`, notifyTopicDefault)
  .chain((topic) =>
    fc.constantFrom("as it is", "key alone").map((how) => ({
      label: `under ${topic}, ${how}`,
      draft: (draft) => ({
        ...draft,
        routingKey: Buffer.from(topic),
        body: how === "as it is" ? draft.body : draft.body.subarray(0, 32),
      }),
    })),
  );

const kind: MessageKind = {
  name,
  exchange,
  mutations: mutationsOf({ weight: 80, arbitrary: otherTopics }),
  partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
  compose: (parts, index) => ({
    ...composeAs("v00", parts),
    routingKey: Buffer.from(`${notifyTopicDefault}.p${index}`),
    properties: { timestamp: BigInt(Math.floor(Date.now() / 1000)) },
  }),
};

/** The dispatcher's ledger: what is valid there must be known, and what isn't must hold nothing up. */
export const dispatcherLedgerRunner: BrokerRunner = {
  name,
  summary: "the ledger: forged announcements, receipts, twins, markers",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig } = run;
      await rig.collect(pullQueue, exchange, [`${notifyTopicDefault}.#`, `${twinTopicDefault}.#`]);
      const dispatched = new Tally();
      hear(run, (delivery) => {
        if (isDispatchers(delivery)) dispatched.add(delivery.body.toString("latin1", 0, 32));
      });
      await rig.start("dispatcher", dispatcherConfig(rig));
      const knew = (await pour(run, kind, ledgerQueue, () => {})) ? await announce(run, dispatched) : 0;
      return { valid: validCount(options), cameOut: knew, refused: 0 };
    }),
};

/** What a forger sends has no such mark: it is none of the values that mutations give it. */
function isDispatchers({ appId }: RawDelivery): boolean {
  return appId.startsWith("dispatcher");
}

/** Announces what the ledger had, and as many products that it had not. @returns how many of the former were known */
async function announce(run: MessageRun, dispatched: Tally): Promise<number> {
  const { rig, options, findings } = run;
  const valid = [...indicesOf(options)].filter(isValidTurn);
  const fresh = Array.from({ length: freshCount }, (_, at) => freshFrom + at);
  for (const index of [...valid, ...fresh]) {
    const parts = productParts(index, "http://urp-2.invalid/");
    const { body, headers } = composeAs("v00", parts);
    const routingKey = Buffer.from(`${inputTopicDefault}.p${index}`);
    await rig.send(index, { exchange, routingKey, body, properties: { headers } }, false);
  }
  const settling = await rig.settled(inputQueue);
  if (settling !== "settled") findings.push(`after the ledger was read, announcements stay: ${settling.stopped}`);
  const told = (index: number) => describe(name, options.seed, { index, what: "valid" });
  const count = (index: number) => dispatched.of(productParts(index, "").key);
  for (const index of valid) {
    if (count(index) > 0) findings.push(`the ledger had it, and it was dispatched all the same: ${told(index)}`);
  }
  for (const index of fresh) {
    if (count(index) !== 1)
      findings.push(`a new product was dispatched ${count(index)} times after seed ${options.seed}`);
  }
  return valid.filter((index) => count(index) === 0).length;
}
