import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import {
  alternateTopicDefault,
  inputTopicDefault,
  notifyTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import { textField } from "../amqp/fields.ts";
import type { Rig } from "../rig.ts";
import { announcement, productParts, withHeader } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { messageRunner } from "./run.ts";

export const exchange = "cmc";
export const inputQueue = "cmc.urp.input";
export const hostName = "fuzzed";
const pullQueue = "cmc.urp.pull";
/** One in four is a request, also among the valid ones. */
const isRequest = (index: number): boolean => (index + Math.floor(index / 50)) % 4 === 3;

export const collectedOfDispatcher = [
  [pullQueue, exchange, [`${notifyTopicDefault}.#`, `${twinTopicDefault}.#`]],
] as const;

export function dispatcherConfig(rig: Rig) {
  const queues = { exchange, inputQueue, outputQueues: [pullQueue] };
  return { broker: rig.brokerSettings, ...queues, hostName, alternateWaitSeconds: 1 };
}

const keyOf = (body: Buffer): string | undefined => {
  const read = codecV00.parse({ body });
  return read.ok ? (read.value.key ?? "") : undefined;
};

/** The dispatcher's input: announcements, and pullers' requests for the twin. */
export const dispatcherInputRunner = messageRunner(
  "dispatcher-input",
  "the input queue: announcements, and requests from pullers",
  (rig) => ({
    agent: "dispatcher",
    config: dispatcherConfig(rig),
    exchange,
    queue: inputQueue,
    mutations: mutationsOf(),
    partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
    compose(parts, index) {
      if (!isRequest(index)) return announcement("v00", parts, inputTopicDefault, index);
      const draft = announcement("v00", parts, alternateTopicDefault, index);
      return withHeader(draft, "x-warren-reason", textField("the server has no such product"));
    },
    collected: collectedOfDispatcher,
    counted({ fields: { routingKey }, content }) {
      return `${routingKey.startsWith(twinTopicDefault) ? "twin" : "first"} ${keyOf(content) ?? ""}`;
    },
    expected({ index, body }) {
      const key = keyOf(body);
      if (key === undefined) return { outs: [] };
      // A request that finds no twin is answered each time it is made.
      return isRequest(index) ? { outs: [`twin ${key}`] } : { outs: [`first ${key}`], outMax: () => 1 };
    },
  }),
);
