import { announcementUrl, nothingToFetch } from "../../../agents/lib/announcement.ts";
import { codecs, type WireFormat } from "../../../agents/lib/codecs.ts";
import type { BrokerRunner } from "../subject.ts";
import { announcement, productParts } from "./draft.ts";
import { mutationsOf } from "./mutations.ts";
import { messageRunner } from "./run.ts";

const queue = "fuzz.bridge";
const [inExchange, outExchange] = ["fuzz.in", "fuzz.out"];
const formats: readonly WireFormat[] = ["v00", "v02", "v03", "exp"];
/** A header that reports a removed file or a link: there is nothing to fetch. */
const removal = /^S "[RLmr],/;

/** The bridge with one source format: it sends each announcement in each of the other formats. */
function bridgeRunner(from: WireFormat): BrokerRunner {
  // v00 needs a size, and a plain URL has none.
  const targets = formats.filter((format) => format !== from && !(from === "exp" && format === "v00"));
  return messageRunner(`bridge-${from}`, `announcements of format ${from}, to send in each other format`, (rig) => ({
    agent: "bridge",
    exchange: inExchange,
    queue,
    config: {
      broker: rig.brokerSettings,
      queue,
      from: { format: from, exchange: inExchange, topicPrefix: `${from}.in` },
      to: targets.map((format) => ({ format, exchange: outExchange, topicPrefix: `${format}.out` })),
      requireQueue: true,
    },
    mutations: mutationsOf(),
    partsOf: (index) => productParts(index, "http://urp-1.invalid/"),
    compose: (parts, index) => announcement(from, parts, `${from}.in`, index),
    collected: [["fuzz.bridged", outExchange, ["#"]]],
    counted({ fields: { routingKey }, content: body }) {
      const format = formats.find((each) => routingKey.startsWith(`${each}.out`));
      // The raw URL, because `codecs.exp` may refuse it.
      if (format === undefined || format === "exp") return format && `exp ${body}`;
      const read = codecs[format].parse({ body });
      return read.ok ? `${format} ${announcementUrl(read.value)}` : undefined;
    },
    expected({ body, headers }) {
      const read = codecs[from].parse({ body });
      const url = read.ok ? announcementUrl(read.value) : undefined;
      const isRemoval = headers.some(([, { shown }]) => removal.test(shown));
      const mayVanish = isRemoval || (!read.ok && read.reason === nothingToFetch);
      return { outs: targets.map((format) => `${format} ${url}`), mayVanish };
    },
    after: async ({ total }) => Math.round(total / targets.length),
  }));
}

export const bridgeRunners: readonly BrokerRunner[] = formats.map(bridgeRunner);
