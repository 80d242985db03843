import fc from "fast-check";
import {
  notifyTopicDefault,
  peersTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../../agents/lib/dispatch-topics.ts";
import { oddJson, oddNames } from "../values/texts.ts";
import { announcement, bodies, productParts } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { startProductServer } from "./product-server.ts";
import { pullerConfig } from "./puller.ts";
import { receiverQueue } from "./receiver.ts";
import { type MessageRun, messageRunner } from "./run.ts";

const exchange = "cmc";
/** A puller keeps its peers' latest 10,000 messages: more at once would push out valid ones. */
const pauseEvery = 500;
/** Products to pull at the end. Some are twins, about which the puller asks its peers. */
const productsCount = 20;

const others = fc.oneof(
  fc.constantFrom(1, 1000, 100_000).map((count) => Array.from({ length: count }, (_, at) => `other-${at}`)),
  fc.array(oddNames, { maxLength: 5 }),
);
const forged = fc.oneof(
  fc.record({ kind: fc.constant("here"), from: fc.oneof(oddNames, fc.string()), asksBack: fc.constant(true) }),
  fc.record({
    kind: fc.constant("answer"),
    from: oddNames,
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
);
const mutations = mutationsOf(
  [80, bodies(forged, "forged", (_, message) => JSON.stringify(message))],
  [20, bodies(oddJson, "about", (body, json) => body.toString().replace(/"about":\{[^}]*\}/, `"about":${json}`))],
);

/** Messages between pullers: each valid question is answered, and products are still pulled. */
export const pullerPeersRunner = messageRunner(
  "puller-peers",
  "the topic of pullers: forged questions, answers, greetings",
  async (rig) => {
    const server = await startProductServer(rig.cleanup);
    rig.makeFolder(receiverQueue);
    const awaited = new Set<string>();
    return {
      agent: "puller",
      config: pullerConfig(rig, server),
      exchange,
      queue: "cmc.urp.pull",
      mutations,
      pauseEvery,
      partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
      compose({ key, size, baseUrl, folder, name: fileName }, index) {
        const product = { key, url: baseUrl + folder + fileName, fileName, sizeBytes: Number(size) };
        const about = { ...product, kind: "first", inDoubt: false };
        const question = { kind: "ask", from: "another:puller", question: `q-${index}`, about, clock: 1 };
        const body = Buffer.from(JSON.stringify(question));
        return { routingKey: Buffer.from(peersTopicDefault), headers: [], properties: {}, body };
      },
      // It greets its peers as soon as it consumes their messages.
      readyBy: "greeting",
      collected: [["fuzz.peers", exchange, [peersTopicDefault, pulledTopicDefault]]],
      counted({ fields: { routingKey }, properties: { appId }, content }) {
        if (routingKey === pulledTopicDefault) return `receipt ${content.toString("latin1")}`;
        return String(appId).startsWith("puller") ? answered(content) : undefined;
      },
      expected({ index, isValid }) {
        if (!isValid) return { outs: [], mayVanish: true };
        awaited.add(`q-${index}`);
        return { outs: [`q-${index}`] };
      },
      async waiting(run) {
        await rig.publishing.sent();
        return [...awaited].filter((question) => run.countOf(question) === 0).length;
      },
      async after(run) {
        await pullProducts(run, server);
        return [...awaited].filter((question) => run.countOf(question) > 0).length;
      },
    };
  },
);

/** The id of the question that a message answers. */
function answered(body: Buffer): string | undefined {
  try {
    const { kind, question } = JSON.parse(body.toString()) as { kind?: unknown; question?: unknown };
    return kind === "answer" ? String(question) : "greeting";
  } catch {
    return undefined;
  }
}

async function pullProducts(run: MessageRun, server: URL): Promise<void> {
  const { rig, findings } = run;
  const products = Array.from({ length: productsCount }, (_, at) => productParts(at, server.href));
  for (const [at, parts] of products.entries()) {
    const topic = at % 2 === 0 ? notifyTopicDefault : twinTopicDefault;
    const { routingKey, body, headers } = announcement("v00", parts, topic, at);
    await rig.publishing.send(at, { exchange, routingKey, body, properties: { headers } });
  }
  const left = () => products.filter(({ key }) => run.countOf(`receipt ${key}`) === 0).length;
  const stopped = await rig.until(left);
  if (stopped !== undefined) findings.push(`products are no longer pulled: ${stopped}`);
}
