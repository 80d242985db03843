import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import {
  alternateTopicDefault,
  inputTopicDefault,
  notifyTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { validCount } from "../seeds.ts";
import { composeAs } from "./bridge.ts";
import { type FuzzMessage, textField, withHeader } from "./draft.ts";
import { fingerprint, type MessageKind, productParts } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import type { MessageRig } from "./rig.ts";
import { describe, hear, inRig, type MessageRun, pour } from "./run.ts";
import { Tally } from "./tally.ts";

const name = "dispatcher-input";
export const exchange = "cmc";
export const inputQueue = "cmc.urp.input";
export const pullQueue = "cmc.urp.pull";
export const hostName = "fuzzed";
/** One in four is a request, and among the valid ones too. */
const isRequest = (index: number): boolean => (index + Math.floor(index / 50)) % 4 === 3;

const kind: MessageKind = {
  name,
  exchange,
  mutations: mutationsOf(),
  partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
  compose(parts, index) {
    const topic = isRequest(index) ? alternateTopicDefault : inputTopicDefault;
    const draft = { ...composeAs("v00", parts), routingKey: Buffer.from(`${topic}.p${index}`), properties: {} };
    return isRequest(index) ? withHeader(draft, "x-warren-reason", textField("the server has no such product")) : draft;
  },
};

export function dispatcherConfig(rig: MessageRig) {
  return {
    broker: rig.brokerSettings,
    exchange,
    inputQueue,
    outputQueues: [pullQueue],
    hostName,
    alternateWaitSeconds: 1,
  };
}

/** The dispatcher's input: announcements, and pullers' requests for another one. */
export const dispatcherInputRunner: BrokerRunner = {
  name,
  summary: "the input queue: announcements, and requests of pullers",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig, dead } = run;
      await rig.collect(pullQueue, exchange, [`${notifyTopicDefault}.#`, `${twinTopicDefault}.#`]);
      const [notified, twins] = [new Tally(), new Tally()];
      hear(run, ({ routingKey, body }) => {
        const read = codecV00.parse({ body });
        const tally = routingKey.toString().startsWith(twinTopicDefault) ? twins : notified;
        tally.add(read.ok ? (read.value.key ?? "") : "");
      });
      await rig.start("dispatcher", dispatcherConfig(rig));
      const sent = new Map<string, Sent>();
      const settled = await pour(run, kind, inputQueue, (message) => note(sent, message));
      for (const one of settled ? sent.values() : []) judge(run, one, notified, twins);
      return { valid: validCount(options), cameOut: notified.total + twins.total, refused: dead.total };
    }),
};

/** Of all messages of one body and topic: they can't be told apart. */
interface Sent {
  readonly first: Pick<FuzzMessage, "index" | "what" | "isValid">;
  readonly body: string;
  /** Undefined where it is no announcement. */
  readonly key: string | undefined;
}

function note(sent: Map<string, Sent>, { index, what, isValid, body }: FuzzMessage): void {
  const fingerprinted = fingerprint(body);
  const id = `${isRequest(index)} ${fingerprinted}`;
  if (sent.has(id)) return;
  const read = codecV00.parse({ body });
  sent.set(id, { first: { index, what, isValid }, body: fingerprinted, key: read.ok ? read.value.key : undefined });
}

function judge(
  { rig, dead, findings, options }: MessageRun,
  { first, body, key }: Sent,
  notified: Tally,
  twins: Tally,
): void {
  if (rig.refusedByBroker.has(first.index)) return;
  const out = key === undefined ? 0 : (isRequest(first.index) ? twins : notified).of(key);
  const refused = dead.of(body);
  const told = `${out} came out, ${refused} dead letters: ${describe(name, options.seed, first)}`;
  if (first.isValid) {
    if (out !== 1 || refused !== 0) findings.push(`valid, but ${told}`);
  } else if (out + refused === 0) findings.push(`lost: ${told}`);
  // A request that finds no twin is answered each time it is made.
  else if (out > 1 && !isRequest(first.index)) findings.push(`dispatched twice: ${told}`);
}
