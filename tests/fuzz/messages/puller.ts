import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import {
  alternateTopicDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { validCount } from "../seeds.ts";
import { composeAs } from "./bridge.ts";
import { type FuzzMessage, type Mutation, textField, withHeader } from "./draft.ts";
import { fingerprint, type MessageKind, productParts } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import { folderName } from "./odd-texts.ts";
import { oddAnswers, startProductServer } from "./product-server.ts";
import type { MessageRig } from "./rig.ts";
import { describe, hear, inRig, type MessageRun, pour } from "./run.ts";
import { Tally } from "./tally.ts";

const name = "puller-queue";
const exchange = "cmc";
const queue = "cmc.urp.pull";
const receiptsQueue = "fuzz.receipts";
const requestsQueue = "fuzz.requests";
const receiverQueue = "rxq";
/** One in four is a twin, and among the valid ones too. */
const isTwin = (index: number): boolean => (index + Math.floor(index / 50)) % 4 === 3;

const oddServer: fc.Arbitrary<Mutation> = fc.constantFrom(...Object.keys(oddAnswers)).map((folder) => ({
  label: `server: ${folder}`,
  parts: (parts) => ({ ...parts, folder: `${folder}/` }),
}));

/** Faults that a message can bring about are tried few times, and shortly. */
export function pullerConfig(rig: MessageRig, server: URL) {
  return {
    broker: rig.brokerSettings,
    receiverQueueDirectory: join(rig.folder, receiverQueue),
    // Nothing else is ever asked: no other host, and no name server.
    allowedHosts: [server.host],
    prefetch: 20,
    peersWaitMs: 300,
    retriesMax: 1,
    triesBeforeAlternate: 1,
    retryDelayMinMs: 1,
    retryDelayMaxMs: 5,
    // The one server plays dead now and then, and valid products are on it all the same.
    originFaultsMax: 1000,
    localHoldMs: 200,
    localRetryDelayMaxMs: 50,
    connectTimeoutMs: 1000,
    pullTimeoutMs: 1000,
    pullDeadlineMs: 2000,
  };
}

/** The puller's queue: first announcements and twins, as dispatchers send them. */
export const pullerQueueRunner: BrokerRunner = {
  name,
  summary: "the pull queue: announcements and twins, from servers of every kind",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig, dead } = run;
      const server = await startProductServer(rig.cleanup);
      await mkdir(join(rig.folder, receiverQueue, folderName), { recursive: true });
      await rig.collect(receiptsQueue, exchange, [pulledTopicDefault]);
      await rig.collect(requestsQueue, exchange, [`${alternateTopicDefault}.#`]);
      const [receipts, requests] = [new Tally(), new Tally()];
      hear(run, (delivery) => {
        if (delivery.queue === receiptsQueue) receipts.add(delivery.body.toString("latin1"));
        else requests.add(fingerprint(delivery.body));
      });
      await rig.start("puller", pullerConfig(rig, server));
      const kind = kindOf(server);
      const sent = new Map<string, Sent>();
      const settled = await pour(run, kind, queue, (message) => note(sent, message));
      for (const [id, one] of settled ? sent : []) judge(run, id, one, receipts, requests);
      await checkFiles(run);
      return { valid: validCount(options), cameOut: receipts.total + requests.total, refused: dead.total };
    }),
};

function kindOf(server: URL): MessageKind {
  return {
    name,
    exchange,
    mutations: mutationsOf({ weight: 15, arbitrary: oddServer }),
    partsOf: (index) => productParts(index, server.href),
    compose(parts, index) {
      const topic = isTwin(index) ? twinTopicDefault : notifyTopicDefault;
      const draft = { ...composeAs("v00", parts), routingKey: Buffer.from(`${topic}.p${index}`), properties: {} };
      return isTwin(index) ? withHeader(draft, "x-warren-alternate", textField("the first one failed")) : draft;
    },
  };
}

/** Of all messages with one body: they can't be told apart. */
interface Sent {
  readonly first: Pick<FuzzMessage, "index" | "what" | "isValid">;
  /** Undefined where it is no announcement. */
  readonly key: string | undefined;
  count: number;
}

function note(sent: Map<string, Sent>, { index, what, isValid, body }: FuzzMessage): void {
  const id = fingerprint(body);
  const known = sent.get(id);
  if (known) {
    known.count += 1;
    return;
  }
  const read = codecV00.parse({ body });
  sent.set(id, { first: { index, what, isValid }, key: read.ok ? read.value.key : undefined, count: 1 });
}

function judge(
  { rig, dead, findings, options }: MessageRun,
  id: string,
  { first, key, count }: Sent,
  receipts: Tally,
  requests: Tally,
) {
  if (rig.refusedByBroker.has(first.index)) return;
  const [pulled, asked, refused] = [key === undefined ? 0 : receipts.of(key), requests.of(id), dead.of(id)];
  const told = `${pulled} receipts, ${asked} requests, ${refused} dead letters: ${describe(name, options.seed, first)}`;
  if (first.isValid) {
    if (pulled !== 1 || asked + refused !== 0) findings.push(`valid, but ${told}`);
  } else if (pulled + asked + refused === 0) findings.push(`lost: ${told}`);
  else if (asked + refused > count) findings.push(`${count} sent, ${told}`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const forbidden = /[\u0000-\u001f\u007f]|^\.|\.tmp$/;

async function checkFiles({ rig, findings }: MessageRun): Promise<void> {
  const folder = join(rig.folder, receiverQueue);
  for (const file of await readdir(folder)) {
    const { size } = await stat(join(folder, file));
    if (forbidden.test(file)) findings.push(`a file is called ${JSON.stringify(file)}`);
    if (file !== folderName && size > 99)
      findings.push(`a file of ${size} bytes was pulled, no product has more than 64: ${file}`);
  }
  const expected = new Set(["password", "puller.json", receiverQueue, "state"]);
  for (const file of await readdir(rig.folder)) {
    if (!expected.has(file)) findings.push(`a file was made outside of the receiver queue: ${JSON.stringify(file)}`);
  }
}
