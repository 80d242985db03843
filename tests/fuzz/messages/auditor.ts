import fc from "fast-check";
import { copiesMax, formatCopies } from "../../../agents/lib/announced-copies.ts";
import {
  announcedTopicDefault,
  auditQueueAt,
  notifyTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import { exchange, hostName } from "./dispatcher.ts";
import { announcement, changes, type Draft, productParts } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { type MessageRun, messageRunner } from "./run.ts";

/** First index of products of which nobody forged a message. */
const freshFrom = 1_000_000_000;
const freshCount = 50;

/** A receipt has only the key, its announcement's first word. */
const receipt = (draft: Draft): Draft => ({
  ...draft,
  routingKey: Buffer.from(pulledTopicDefault),
  body: draft.body.subarray(0, 32),
});

const otherTopics = changes(
  fc.constantFrom(notifyTopicDefault, `${twinTopicDefault}.x`, pulledTopicDefault, "a"),
  (topic) => `under ${topic}`,
  (draft, topic) => (topic === pulledTopicDefault ? receipt(draft) : { ...draft, routingKey: Buffer.from(topic) }),
);

const joined = changes(
  fc.constantFrom(0, 1, 2, copiesMax + 1),
  (count) => `joined ${count} times`,
  (draft, count) => {
    const closedMs = 5;
    return { ...draft, body: formatCopies(Array.from({ length: count }, () => ({ body: draft.body, closedMs }))) };
  },
);

/** The auditor: it must count right after forged sightings and receipts, and acknowledge them all. */
export const auditorRunner = messageRunner(
  "auditor",
  "the auditor: forged announcements, dispatches, receipts",
  (rig) => ({
    agent: "auditor",
    // Nothing may become overdue meanwhile.
    config: { broker: rig.brokerSettings, exchange, hostName, overdueSeconds: 3600, commitMs: 20 },
    exchange,
    queue: auditQueueAt(hostName),
    mutations: mutationsOf([80, otherTopics], [40, joined]),
    partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
    compose: (parts, index) => ({ ...announcement("v00", parts, announcedTopicDefault, index), ...bare }),
    expected: () => ({ outs: [], mayVanish: true }),
    after: placeNew,
  }),
);

/** Copies of announcements have no tail behind the topic. */
const bare = { routingKey: Buffer.from(announcedTopicDefault) };

/** Announces, dispatches and places new products. @returns how many announced products the auditor has counted */
async function placeNew(run: MessageRun): Promise<number> {
  const { rig, findings } = run;
  const counted = () => rig.agent.metric("placed_total");
  const before = await counted();
  for (let index = freshFrom; index < freshFrom + freshCount; index++) {
    const parts = productParts(index, "http://urp-1.invalid/");
    const dispatched = announcement("v00", parts, notifyTopicDefault, index);
    const messages = [{ ...dispatched, ...bare }, dispatched, receipt(dispatched)];
    for (const { body, headers, routingKey } of messages) {
      await rig.publishing.send(index, { exchange, routingKey, body, properties: { headers } });
    }
  }
  const stopped = await rig.until(async () => before + freshCount - (await counted()));
  if (stopped !== undefined) findings.push(`${(await counted()) - before} of ${freshCount} counted: ${stopped}`);
  const { fault, waiting } = (await rig.agent.health()) as { readonly fault?: string; readonly waiting?: number };
  if (fault !== undefined) findings.push(`its store accepts nothing: ${fault}`);
  if (waiting === undefined) findings.push("it does not answer for its health");
  return rig.agent.metric("announced_total");
}
