import { type Dirent, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DeliveryTest } from "../../rigs/delivery-tests.ts";
import type { Rig } from "../rig.ts";
import type { FileReader } from "./run.ts";
import { flipName, secret } from "./surroundings.ts";

/** How a sender delivers files. */
type Protocol = "amqp" | "sftp" | "ftp";
/** How often each content came out. */
type Out = ReadonlyMap<string, number>;

const exchange = "fuzz.sender";
/** Depth limit of senders' scans. */
const depthMax = 8;

export const txqOf = (protocol: Protocol): FileReader => ({
  name: protocol === "amqp" ? "sender" : `sender-${protocol}`,
  summary:
    protocol === "amqp"
      ? "hostile files in the txq of a sender of type amqp"
      : `the same, delivered by ${protocol.toUpperCase()}; needs root`,
  root: ["txq"],
  folders: ["3/new", "0/new", "1", "é è"],
  // Each file takes several requests to the server, so files are fewer and smaller.
  largeBytes: 64 * 1024 ** 2,
  async start(rig, txq) {
    const out = await open(protocol, rig, txq);
    return {
      waiting(inputs) {
        const contents = out();
        const missing = inputs.filter(({ isValid, content }) => isValid && !contents.has(content.toString()));
        return leftIn(txq).length + missing.length;
      },
      moves: () => out().size,
      judgement() {
        const [contents, aside] = [out(), asideNames(txq)];
        const faults = leftIn(txq).map((path) => `left in the queue: ${JSON.stringify(path)}`);
        const isSecret = [...contents.keys()].some((content) => content.includes(secret.toString()));
        return {
          countOf: ({ content }) => contents.get(content.toString()) ?? 0,
          isRefused: ({ name }) => aside.has(name),
          faults: isSecret ? ["sent a file from outside its queue", ...faults] : faults,
        };
      },
    };
  },
});

/** Starts the sender. @returns a function that reads the contents that have come out so far */
async function open(protocol: Protocol, rig: Rig, txq: string): Promise<() => Out> {
  const common = {
    ...{ queueDirectory: txq, validation: false, noDuplicates: protocol !== "amqp", settleMs: 0, emptySettleMs: 200 },
    ...{ retryDelayMaxMs: 300, fileBytesMax: 1024 ** 2 },
  };
  if (protocol === "amqp") {
    const out = new Map<string, number>();
    await rig.collect("fuzz.heard", exchange, ["#"], ({ content }) => count(out, content));
    const rules = { rules: [{ accept: "[^]*" }], exchangeKey: "fuzz" };
    await rig.start("sender", { ...common, broker: rig.brokerSettings, exchange, ...rules });
    return () => out;
  }
  const delivery = await DeliveryTest.start({ kind: protocol });
  rig.cleanup.add(() => delivery.stop());
  const rules = [{ accept: "[^]*", directory: "fuzz", fileName: "$".concat("{NAME}") }];
  await rig.start("sender", delivery.config({ ...common, rules }));
  return () => {
    const out = new Map<string, number>();
    for (const file of filesOn(delivery.server.see("fuzz"))) count(out, readFileSync(file));
    return out;
  };
}

function count(out: Map<string, number>, content: Buffer): void {
  const text = content.toString();
  out.set(text, (out.get(text) ?? 0) + 1);
}

function filesOn(folder: string): Buffer[] {
  try {
    const names = readdirSync(folder, { encoding: "buffer" }).filter((name) => !name.includes(".tmp"));
    return names.map((name) => Buffer.concat([Buffer.from(`${folder}/`), name]));
  } catch {
    return [];
  }
}

/** Files left in the queue, without temporary names and without those in unreadable folders. */
function leftIn(folder: string, path = "", depth = 0): string[] {
  return entriesOf(folder).flatMap((entry) => {
    if (path === "" && entry.name === flipName) return [];
    if (entry.name.startsWith(".") || entry.name.endsWith(".tmp")) return [];
    if (!entry.isDirectory() || depth > depthMax) return [`${path}${entry.name}`];
    return leftIn(join(folder, entry.name), `${path}${entry.name}/`, depth + 1);
  });
}

/** Entries of a folder; none if it is gone or unreadable. */
function entriesOf(folder: string): Dirent[] {
  try {
    return (lstatSync(folder).mode & 0o500) === 0o500 ? readdirSync(folder, { withFileTypes: true }) : [];
  } catch {
    return [];
  }
}

/** Names of files that were set aside with a reason. */
function asideNames(txq: string): ReadonlySet<string> {
  const folder = join(txq, ".aside");
  // A note is written before its file moves, and removed if the move fails.
  const files = readdirSync(folder).filter((name) => name.endsWith(".file"));
  const notes = files.map((name) => JSON.parse(readFileSync(join(folder, name.replace(/file$/, "json")), "utf8")));
  return new Set(notes.flatMap(({ name, reason }) => (reason ? [name] : [])));
}
