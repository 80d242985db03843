import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { BrokerRunner } from "../own-broker.ts";
import { validCount } from "../seeds.ts";
import { type FuzzMessage, type Mutation, textField, withHeader } from "./draft.ts";
import { fingerprint, type MessageKind, productParts } from "./make.ts";
import { mutationsOf } from "./mutations.ts";
import { folderName } from "./odd-texts.ts";
import { describe, hear, inRig, type MessageRun, pour } from "./run.ts";
import { Tally } from "./tally.ts";

const name = "receiver";
const queue = "fuzz.receiver";
const exchange = "fuzz.products";

const withoutName: fc.Arbitrary<Mutation> = fc.constant({
  label: "no name",
  draft: (draft) => ({ ...draft, headers: [] }),
});

const kind: MessageKind = {
  name,
  exchange,
  mutations: mutationsOf({ weight: 10, arbitrary: withoutName }),
  partsOf: (index) => productParts(index, ""),
  compose: (parts, index) =>
    withHeader(
      {
        routingKey: Buffer.from(`products.p${index}`),
        headers: [],
        properties: {},
        body: Buffer.from(`content of ${index}`),
      },
      "filename",
      textField(parts.name),
    ),
};

/** What no file in a receiver queue may be called. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const forbidden = /[\u0000-\u001f\u007f]|^\.|\.tmp$/;

/** Messages that are products, put into a folder as files. */
export const receiverRunner: BrokerRunner = {
  name,
  summary: "messages that are products: names, headers, bodies",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig, dead, findings } = run;
      const folder = join(rig.folder, "rxq");
      await mkdir(join(folder, folderName), { recursive: true });
      hear(run, () => {});
      await rig.start("receiver", {
        broker: rig.brokerSettings,
        exchange,
        queue,
        bindingKeys: ["#"],
        receiverQueueDirectory: folder,
        retryDelayMaxMs: 100,
      });
      const files = new Tally();
      const sent = new Map<string, FuzzMessage[]>();
      const onSend = (message: FuzzMessage): void => {
        const id = fingerprint(message.body);
        const light = { ...message, body: Buffer.alloc(0), headers: [] };
        sent.set(id, [...(sent.get(id) ?? []), light].slice(0, 2));
      };
      if (!(await pour(run, kind, queue, onSend, (isLast) => takeFiles(folder, files, findings, isLast)))) {
        return { valid: validCount(options), cameOut: files.total, refused: dead.total };
      }
      await checkOutside(run);
      for (const [id, messages] of sent) judge(run, id, messages, files);
      return { valid: validCount(options), cameOut: files.total, refused: dead.total };
    }),
};

/** Those with the same body can't be told apart: at least one of them has to be somewhere. */
function judge(
  { rig, dead, findings, options }: MessageRun,
  id: string,
  messages: readonly FuzzMessage[],
  files: Tally,
): void {
  const [message] = messages;
  if (!message || rig.refusedByBroker.has(message.index)) return;
  const [out, refused] = [files.of(id), dead.of(id)];
  const told = describe(name, options.seed, message);
  if (message.isValid && (out !== 1 || refused !== 0))
    findings.push(`valid, but ${out} files and ${refused} dead letters: ${told}`);
  else if (out + refused === 0) findings.push(`lost: ${told}`);
  else if (messages.length === 1 && out + refused > 1)
    findings.push(`${out} files and ${refused} dead letters: ${told}`);
}

/** Takes the files as px does: what begins with a dot is in work. */
async function takeFiles(folder: string, files: Tally, findings: string[], isLast: boolean): Promise<void> {
  for (const file of await readdir(folder)) {
    if (file.startsWith(".") && !isLast) continue;
    const path = join(folder, file);
    if (!(await stat(path)).isFile()) continue;
    if (forbidden.test(file)) findings.push(`a file is called ${JSON.stringify(file)}`);
    files.add(fingerprint(await readFile(path)));
    await rm(path);
  }
}

async function checkOutside({ rig, findings }: MessageRun): Promise<void> {
  const expected = new Set(["password", "receiver.json", "rxq", "state"]);
  for (const file of await readdir(rig.folder)) {
    if (!expected.has(file)) findings.push(`a file was made outside of the receiver queue: ${JSON.stringify(file)}`);
  }
}
