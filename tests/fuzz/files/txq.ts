import { type Dirent, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { DeliveryTest } from "../../rigs/delivery-tests.ts";
import { validCount } from "../seeds.ts";
import type { FuzzOptions, FuzzReport } from "../subject.ts";
import { describe, type Input, makeInputs, putValid } from "./inputs.ts";
import { FileRig, flipName, secretBytes } from "./rig.ts";

/** How a sender's files go out. */
export type Road = "amqp" | "sftp" | "ftp";

const exchange = "fuzz.sender";
const secret = Buffer.alloc(secretBytes, "secret ").toString();
/** A server makes each file with several questions: fewer, and smaller, are tried. */
const largeBytes = 64 * 1024 ** 2;

/** No sender looks deeper. */
const depthMax = 8;

/** Contents that came out, with how often. */
type Out = ReadonlyMap<string, number>;

/** Makes hostile files in a sender's txq, and judges what comes out, what is put aside, and what is left. */
export async function runTxq(road: Road, broker: LocalBroker | undefined, options: FuzzOptions): Promise<FuzzReport> {
  const beganMs = performance.now();
  const name = road === "amqp" ? "sender" : `sender-${road}`;
  const rig = new FileRig(name, broker, largeBytes);
  try {
    const txq = rig.makeFolder("txq");
    const folders = ["3/new", "0/new", "1", "é è"].map((folder) => {
      for (let at = 1; at <= folder.split("/").length; at += 1) {
        rig.makeFolder("txq", ...folder.split("/").slice(0, at));
      }
      return folder;
    });
    rig.flip(txq);
    const out = await openRoad(road, rig, txq);
    const rules = {
      ...{ subject: name, root: txq, folders, around: rig.around },
      validName: (index: number) => `valid-${index}:URP:XSS:RADAR:GIF::20130606144709`,
    };
    const inputs = await makeInputs(rules, options);
    inputs.push(putValid(rules, options.count * 50));
    let [before, isOver] = ["", false];
    const sees = () => {
      const now = `${[...out()].length} ${leftIn(txq).length}`;
      if (now !== before) rig.progress();
      before = now;
    };
    isOver = await rig.until(() => {
      sees();
      return leftIn(txq).length === 0 && inputs.every((input) => !input.isValid || countOf(out(), input) > 0);
    }, options.signal);
    const findings = isOver ? [] : leftIn(txq).map((path) => `stays in the queue: ${JSON.stringify(path)}`);
    if (rig.endFault !== undefined) findings.push(rig.endFault);
    if ([...out().keys()].some((content) => content.includes(secret))) findings.push("sends a file outside its queue");
    if (!rig.isSecretKept) findings.push("takes away a file outside its queue");
    const aside = asideNames(txq);
    for (const input of inputs) {
      const fault = faultOf(out(), aside, input);
      if (fault !== undefined) findings.push(`${fault}: ${describe(name, options.seed, input)}`);
    }
    const { seed, count, only } = options;
    return {
      ...{ subject: name, seed, count: only === undefined ? count : 1, valid: validCount(options) },
      cameOut: inputs.filter((input) => countOf(out(), input) > 0).length - 1,
      refused: inputs.filter((input) => countOf(out(), input) === 0 && aside.has(input.name.toString())).length,
      seconds: (performance.now() - beganMs) / 1000,
      findings: findings.map((finding) => (finding.includes("--seed") ? finding : `${finding} (seed ${seed})`)),
    };
  } finally {
    await rig.cleanup.run();
  }
}

/** Starts the sender. Answers how to see what has come out by now. */
async function openRoad(road: Road, rig: FileRig, txq: string): Promise<() => Out> {
  const common = {
    ...{ queueDirectory: txq, validation: false, noDuplicates: road !== "amqp", settleMs: 0, emptySettleMs: 200 },
    ...{ retryDelayMaxMs: 300, fileBytesMax: 1024 ** 2 },
  };
  if (road === "amqp") {
    const out = new Map<string, number>();
    await rig.hear(exchange, ({ body }) => {
      const text = body.toString();
      out.set(text, (out.get(text) ?? 0) + 1);
    });
    await rig.start("sender", {
      ...{ ...common, broker: rig.brokerSettings, exchange, rules: [{ accept: "[^]*" }], exchangeKey: "fuzz" },
    });
    return () => out;
  }
  const delivery = await DeliveryTest.start({ kind: road });
  rig.cleanup.add(() => delivery.stop());
  const rules = [{ accept: "[^]*", directory: "fuzz", fileName: "$".concat("{NAME}") }];
  await rig.start("sender", delivery.config({ ...common, rules }));
  return () => {
    const out = new Map<string, number>();
    for (const file of namesOnServer(delivery.server.see("fuzz"))) {
      const text = readFileSync(file).toString();
      out.set(text, (out.get(text) ?? 0) + 1);
    }
    return out;
  };
}

function namesOnServer(folder: string): Buffer[] {
  try {
    const names = readdirSync(folder, { encoding: "buffer" }).filter((name) => !name.includes(".tmp"));
    return names.map((name) => Buffer.concat([Buffer.from(`${folder}/`), name]));
  } catch {
    return [];
  }
}

const countOf = (out: Out, { content }: Input): number => out.get(content.toString()) ?? 0;

/** Files that wait: not those whose names say that they are in work, nor those in folders that are closed to everybody. */
function leftIn(folder: string, path = "", depth = 0): string[] {
  return entriesOf(folder).flatMap((entry) => {
    if (path === "" && entry.name === flipName) return [];
    if (entry.name.startsWith(".") || entry.name.endsWith(".tmp")) return [];
    if (!entry.isDirectory() || depth > depthMax) return [`${path}${entry.name}`];
    return leftIn(join(folder, entry.name), `${path}${entry.name}/`, depth + 1);
  });
}

/** None of a folder that is gone, or closed. */
function entriesOf(folder: string): Dirent[] {
  try {
    return (lstatSync(folder).mode & 0o500) === 0o500 ? readdirSync(folder, { withFileTypes: true }) : [];
  } catch {
    return [];
  }
}

/** Of files that were put aside, each with its reason. */
function asideNames(txq: string): ReadonlySet<string> {
  const folder = join(txq, ".aside");
  // A note is written before its file moves, and goes again where that fails.
  const files = readdirSync(folder).filter((name) => name.endsWith(".file"));
  const notes = files.map((name) => name.replace(/file$/, "json"));
  const told = notes.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
  return new Set(told.flatMap(({ name, reason }) => (reason ? [name] : [])));
}

function faultOf(out: Out, aside: ReadonlySet<string>, input: Input): string | undefined {
  const count = countOf(out, input);
  const text = input.name.toString();
  if (input.made === "never") return count > 0 ? "is sent" : undefined;
  if (input.isValid && count !== 1) return `comes out ${count} times`;
  const isInWork = text.startsWith(".") || text.endsWith(".tmp");
  if (input.made === "changing" || count > 0 || isInWork || aside.has(text)) return undefined;
  return "is neither sent nor put aside";
}
