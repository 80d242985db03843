import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ReceivedMessage } from "../../../agents/lib/announcement.ts";
import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import { codecV02 } from "../../../agents/lib/codec-v02.ts";
import type { Rig } from "../rig.ts";
import type { Input } from "./inputs.ts";
import { type FileReader, isTemporary, type Outcome } from "./run.ts";
import { secret } from "./surroundings.ts";

/** One announcement of a file. */
interface Announced {
  /** Relative to the tree. */
  readonly path: string;
  readonly sizeBytes: number;
  /** MD5 of the content, if the agent reads it. */
  readonly md5?: string;
}

const exchange = "fuzz.trees";
const folders = ["a", "a/b", "RADAR", "é è"];
const md5 = (content: Buffer) => createHash("md5").update(content).digest("hex");
const settling = { settleMs: 50, emptySettleMs: 100 };

export const announcerTree: FileReader = {
  name: "announcer",
  summary: "hostile files in the tree of products",
  root: ["root"],
  folders,
  // The announcer reads only the size.
  largeBytes: 8 * 1024 ** 4,
  async start(rig, root) {
    const outcome = await collectAnnouncements(rig, root, "", (message) => {
      const read = codecV00.parse(message);
      return read.ok && { path: read.value.relPath.slice("db/".length), sizeBytes: read.value.sizeBytes ?? -1 };
    });
    const { brokerSettings: broker } = rig;
    await rig.start("announcer", { broker, exchange, rootDirectory: root, baseUrl: "http://urp-1/", ...settling });
    return outcome;
  },
};

export const watcherTree: FileReader = {
  name: "watcher",
  summary: "hostile files in a watched tree",
  root: ["root", "tree"],
  folders,
  largeBytes: 128 * 1024 ** 2,
  async start(rig, root) {
    const outcome = await collectAnnouncements(rig, root, "tree/", (message) => {
      const read = codecV02.parse(message);
      if (!read.ok) return false;
      const { relPath, sizeBytes = -1, sum } = read.value;
      return { path: relPath.slice("tree/".length), sizeBytes, md5: sum?.value ?? "" };
    });
    await rig.start("watcher", {
      ...{ broker: rig.brokerSettings, exchange, rootDirectory: join(root, ".."), trees: ["tree"] },
      ...{ baseUrl: "http://dd1/", formats: ["v02"], ...settling, foundSettleMs: 100 },
    });
    return outcome;
  },
};

/** Collects the announcements, and the paths that the agent logs with a reason: absolute, relative to the root, or after `above`. */
async function collectAnnouncements(
  rig: Rig,
  root: string,
  above: string,
  parse: (message: ReceivedMessage) => Announced | false,
): Promise<Outcome> {
  const announced = new Map<string, Announced[]>();
  const refusals = new Set<string>();
  const faults: string[] = [];
  rig.onLine = ({ path }) => {
    if (typeof path !== "string") return;
    refusals.add(path.slice([`${root}/`, above].find((start) => path.startsWith(start))?.length ?? 0));
  };
  await rig.collect("fuzz.heard", exchange, ["#"], ({ content: body, properties: { headers = {} } }) => {
    const found = parse({ body, headers });
    if (!found) faults.push(`sent an unreadable announcement: ${JSON.stringify(body.toString())}`);
    else announced.set(found.path, [...(announced.get(found.path) ?? []), found]);
    if (!found || (found.sizeBytes !== secret.length && found.md5 !== md5(secret))) return;
    faults.push(`announced a file outside its tree as ${JSON.stringify(found.path)}`);
  });
  const isRight = ({ content }: Input, { sizeBytes, md5: sum }: Announced): boolean =>
    sizeBytes === content.length && (sum === undefined || sum === md5(content));
  const countOf = (input: Input): number => {
    const found = announced.get(input.path) ?? [];
    return input.made !== "file" || found.some((one) => isRight(input, one)) ? found.length : 0;
  };
  const isSettled = (input: Input): boolean => {
    const isExpected = input.made === "file" && !isTemporary(input.name);
    return !isExpected || countOf(input) > 0 || refusals.has(input.path);
  };
  return {
    waiting: (inputs) => inputs.filter((input) => !isSettled(input)).length,
    judgement: () => ({ countOf, isRefused: ({ path }) => refusals.has(path), faults }),
  };
}
