import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import {
  notifyTopicDefault,
  peersTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { indicesOf, isValidTurn, validCount } from "../seeds.ts";
import { composeAs } from "./bridge.ts";
import type { Mutation } from "./draft.ts";
import { type MessageKind, makeMessage, productParts, rawOf } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import { oddFileNames, oddJson } from "./odd-texts.ts";
import { startProductServer } from "./product-server.ts";
import { pullerConfig } from "./puller.ts";
import { describe, hear, inRig } from "./run.ts";
import { Tally } from "./tally.ts";

const name = "puller-peers";
const exchange = "cmc";
const heardQueue = "fuzz.peers";
/** Pullers keep the latest 10,000 messages of their peers: more at once would push valid ones out. */
const pauseEvery = 500;
/** After all that: products that are pulled as ever, some of them twins, about which peers are asked. */
const productsCount = 20;

const others = fc.oneof(
  fc.constantFrom(1, 1000, 100_000).map((count) => Array.from({ length: count }, (_, at) => `other-${at}`)),
  fc.array(oddFileNames, { maxLength: 5 }),
);
const forged: fc.Arbitrary<Mutation> = fc
  .oneof(
    oddFileNames.map((from) => ({ kind: "here", from, asksBack: true })),
    fc.string().map((from) => ({ kind: "here", from: `forged-${from}`, asksBack: true })),
    fc.record({
      kind: fc.constant("answer"),
      from: oddFileNames,
      to: fc.string(),
      question: fc.string(),
      standing: fc.constantFrom("placed", "asked", "nothing", "x"),
      others,
    }),
    fc.record({
      kind: fc.constant("ask"),
      from: fc.string({ maxLength: 6000 }),
      question: fc.string(),
      clock: fc.constantFrom(-1, 0, 2 ** 53 - 1, 2 ** 53, 1e308),
    }),
  )
  .map((message) => JSON.stringify(message))
  .map((text) => ({ label: text.slice(0, 200), draft: (draft) => ({ ...draft, body: Buffer.from(text) }) }));
const nestedJson: fc.Arbitrary<Mutation> = oddJson.map((json) => ({
  label: `about ${json.slice(0, 60)} (${json.length})`,
  draft: (draft) => ({
    ...draft,
    body: Buffer.from(draft.body.toString().replace(/"about":\{[^}]*\}/, `"about":${json}`)),
  }),
}));

const kind: MessageKind = {
  name,
  exchange,
  mutations: mutationsOf({ weight: 80, arbitrary: forged }, { weight: 20, arbitrary: nestedJson }),
  partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
  compose({ key, size, baseUrl, folder, name: fileName }, index) {
    const about = {
      key,
      url: baseUrl + folder + fileName,
      fileName,
      sizeBytes: Number(size),
      kind: "first",
      inDoubt: false,
    };
    const question = { kind: "ask", from: "another:puller", question: `q-${index}`, about, clock: 1 };
    return {
      routingKey: Buffer.from(peersTopicDefault),
      headers: [],
      properties: {},
      body: Buffer.from(JSON.stringify(question)),
    };
  },
};

/** What pullers say to each other: each valid question gets its answer, and products are pulled. */
export const pullerPeersRunner: BrokerRunner = {
  name,
  summary: "the topic of pullers: forged questions, answers, greetings",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig, findings } = run;
      const { seed } = options;
      const server = await startProductServer(rig.cleanup);
      await mkdir(join(rig.folder, "rxq"), { recursive: true });
      await rig.collect(heardQueue, exchange, [peersTopicDefault, pulledTopicDefault]);
      const [answers, receipts] = [new Tally(), new Tally()];
      const hears = Promise.withResolvers<void>();
      hear(run, ({ routingKey, appId, body }) => {
        if (routingKey.toString() === pulledTopicDefault) receipts.add(body.toString("latin1"));
        else if (appId.startsWith("puller")) answers.add(questionOf(body));
        hears.resolve();
      });
      await rig.start("puller", pullerConfig(rig, server));
      // It says so as soon as it hears others.
      await hears.promise;
      const awaited = new Set<string>();
      const answered = async () => {
        await rig.sent();
        return [...awaited].filter((question) => answers.of(question) === 0).length;
      };
      let settling: Awaited<ReturnType<typeof rig.until>> = "settled";
      let done = 0;
      for (const index of indicesOf(options)) {
        const message = makeMessage(kind, seed, index);
        if (message.isValid) awaited.add(`q-${index}`);
        await rig.send(index, rawOf(kind, message), message.isRisky);
        options.progress(++done);
        if (done % pauseEvery === 0) settling = await rig.until(answered);
        if (settling !== "settled") break;
      }
      if (settling === "settled") settling = await rig.until(answered);
      if (settling !== "settled")
        findings.push(`questions of peers stay without an answer: ${settling.stopped} (seed ${seed})`);
      const products = Array.from({ length: productsCount }, (_, at) => productParts(at, server.href));
      for (const [at, parts] of products.entries()) {
        const routingKey = Buffer.from(`${at % 2 === 0 ? notifyTopicDefault : twinTopicDefault}.after`);
        const { body, headers } = composeAs("v00", parts);
        await rig.send(at, { exchange, routingKey, body, properties: { headers } }, false);
      }
      const pulled = await rig.until(() => products.filter(({ key }) => receipts.of(key) === 0).length);
      if (pulled !== "settled") findings.push(`products are pulled no more: ${pulled.stopped} (seed ${seed})`);
      for (const index of [...indicesOf(options)].filter(isValidTurn)) {
        const count = answers.of(`q-${index}`);
        if (count !== 1) findings.push(`${count} answers: ${describe(name, seed, { index, what: "valid" })}`);
      }
      const cameOut = [...awaited].filter((question) => answers.of(question) > 0).length;
      return { valid: validCount(options), cameOut, refused: 0 };
    }),
};

function questionOf(body: Buffer): string {
  try {
    const { kind, question } = JSON.parse(body.toString()) as { kind?: unknown; question?: unknown };
    return kind === "answer" ? String(question) : "";
  } catch {
    return "";
  }
}
