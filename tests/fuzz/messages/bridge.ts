import { announcementUrl, nothingToFetch } from "../../../agents/lib/announcement.ts";
import { codecs, type WireFormat } from "../../../agents/lib/codecs.ts";
import type { RawDelivery } from "../amqp/content.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { validCount } from "../seeds.ts";
import type { FuzzOptions } from "../subject.ts";
import { type Draft, type FuzzMessage, type Parts, textField } from "./draft.ts";
import { fingerprint, type MessageKind, productParts } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import { describe, hear, inRig, type MessageRun, pour } from "./run.ts";
import { Tally } from "./tally.ts";

const queue = "fuzz.bridge";
const outQueue = "fuzz.bridged";
const [inExchange, outExchange] = ["fuzz.in", "fuzz.out"];
const formats: readonly WireFormat[] = ["v00", "v02", "v03", "exp"];
const baseUrl = "http://urp-1.invalid/";

/** An announcement as peers of that format write it. */
export function composeAs(
  format: WireFormat,
  { key, size, baseUrl, folder, name, time }: Parts,
): Pick<Draft, "headers" | "body"> {
  const path = folder + name;
  switch (format) {
    case "v00":
      return {
        headers: [[Buffer.from("filename"), textField(name)]],
        body: Buffer.from(`${key} ${size} ${baseUrl} ${path}`),
      };
    case "v02":
      return {
        headers: [
          [Buffer.from("sum"), textField(`d,${key}`)],
          [Buffer.from("parts"), textField(`1,${size},1,0,0`)],
        ],
        body: Buffer.from(`${time} ${baseUrl} ${path}`),
      };
    case "v03": {
      const identity = { method: "md5", value: Buffer.from(key, "hex").toString("base64") };
      const pubTime = `${time.slice(0, 8)}T${time.slice(8)}`;
      // A number where it is one: size 9999999999999999 stays what it is.
      const sizeText = /^[0-9]+$/.test(size) ? size : JSON.stringify(size);
      const text = JSON.stringify({ pubTime, baseUrl, relPath: path, identity });
      return { headers: [], body: Buffer.from(`${text.slice(0, -1)},"size":${sizeText}}`) };
    }
    case "exp":
      return { headers: [], body: Buffer.from(baseUrl + path) };
  }
}

/** The bridge with one format as its source: what it hears goes out in each of the others. */
function bridgeRunner(from: WireFormat): BrokerRunner {
  const name = `bridge-${from}`;
  // A URL alone says no size, and v00 needs one.
  const targets = formats.filter((format) => format !== from && !(from === "exp" && format === "v00"));
  const kind: MessageKind = {
    name,
    exchange: inExchange,
    mutations: mutationsOf(),
    partsOf: (index) => productParts(index, baseUrl),
    compose: (parts, index) => ({
      ...composeAs(from, parts),
      routingKey: Buffer.from(`${from}.in.p${index}`),
      properties: {},
    }),
  };
  const config = (broker: object) => ({
    broker,
    queue,
    from: { format: from, exchange: inExchange, topicPrefix: `${from}.in` },
    to: targets.map((format) => ({ format, exchange: outExchange, topicPrefix: `${format}.out` })),
    requireQueue: true,
  });
  return {
    name,
    summary: `announcements of format ${from}, to be sent in each other one`,
    run: (broker, options) =>
      inRig(name, broker, options, async (run) => {
        const { rig, dead } = run;
        await rig.collect(outQueue, outExchange, ["#"]);
        const outs = new Tally();
        hear(run, (delivery) => countOut(delivery, outs));
        await rig.start("bridge", config(rig.brokerSettings));
        const sent = new Map<string, Sent>();
        const settled = await pour(run, kind, queue, (message) => note(sent, message, from));
        for (const [id, one] of settled ? sent : []) judge(run, kind, id, one, outs, targets);
        return { ...counts(options, outs, targets.length), refused: dead.total };
      }),
  };
}

export const bridgeRunners: readonly BrokerRunner[] = formats.map(bridgeRunner);

/** Of all messages with one body: they can't be told apart. */
interface Sent {
  readonly first: Pick<FuzzMessage, "index" | "what" | "isValid">;
  /** Undefined where it is no announcement, whatever its headers are. */
  readonly url: string | undefined;
  readonly mayBePassedOver: boolean;
  count: number;
}

function note(sent: Map<string, Sent>, { index, what, isValid, body, headers }: FuzzMessage, from: WireFormat): void {
  const id = fingerprint(body);
  const known = sent.get(id);
  if (known) {
    known.count += 1;
    return;
  }
  const read = codecs[from].parse({ body });
  const url = read.ok ? announcementUrl(read.value) : undefined;
  const isRemoval = headers.some(([, value]) => value.type === "string" && /^[RL],/.test(value.value.toString()));
  const mayBePassedOver = (!read.ok && read.reason === nothingToFetch) || isRemoval;
  sent.set(id, { first: { index, what, isValid }, url, mayBePassedOver, count: 1 });
}

function countOut({ routingKey, body }: RawDelivery, outs: Tally): void {
  const format = formats.find((each) => routingKey.toString().startsWith(`${each}.out`));
  if (!format) return;
  // The URL as it stands: it may be one that `codecs.exp` doesn't read.
  if (format === "exp") {
    outs.add(`exp ${body}`);
    return;
  }
  const read = codecs[format].parse({ body });
  if (read.ok) outs.add(`${format} ${announcementUrl(read.value)}`);
}

function judge(
  { rig, dead, findings, options }: MessageRun,
  kind: MessageKind,
  id: string,
  { first, url, mayBePassedOver, count }: Sent,
  outs: Tally,
  targets: readonly WireFormat[],
): void {
  if (rig.refusedByBroker.has(first.index)) return;
  const came = targets.map((format) => outs.of(`${format} ${url}`));
  const refused = dead.of(id);
  const told = `${came.join(", ")} came out, ${refused} dead letters: ${describe(kind.name, options.seed, first)}`;
  if (first.isValid) {
    if (refused !== 0 || came.some((out) => out !== 1)) findings.push(`valid, but ${told}`);
  } else if (Math.min(...came) + refused === 0 && !mayBePassedOver) findings.push(`lost: ${told}`);
  else if (refused > count) findings.push(`dead letters for ${count} messages: ${told}`);
}

function counts(options: FuzzOptions, outs: Tally, targets: number) {
  return { valid: validCount(options), cameOut: Math.round(outs.total / targets) };
}
