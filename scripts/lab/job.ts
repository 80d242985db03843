import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { ensureStack, readPulumi, runPulumi } from "../engine/engine.ts";
import { forgetRuns } from "../engine/run-record.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { wantsColor } from "../lib/color.ts";
import { formatColumns } from "../lib/table.ts";
import { isGood } from "../traffic/accounting.ts";
import { isPublicGood } from "../traffic/public-report.ts";
import type { PublicResult } from "../traffic/public-run.ts";
import { checkAccountFile, formatRoads, writeAccount } from "../traffic/report.ts";
import { allocateLabIndex, labOption, labUp, progressPrinter } from "./index.ts";
import { sendProducts } from "./send-products.ts";
import { sendToPublic } from "./send-public.ts";
import { labSpec } from "./stack.ts";

export interface JobOptions {
  readonly name: string;
  /** The committed stack that the lab is made from; by default the one that it was made from before, or `lab`. */
  readonly stack?: string | undefined;
  readonly count: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  /** The user's own files instead of generated products. */
  readonly files: readonly string[];
  readonly json?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Toolchain, hosts, `pulumi up`, products, table.
 * @returns whether every product arrived once and complete
 */
export async function runLabJob(options: JobOptions): Promise<boolean> {
  const { name, signal } = options;
  if (options.json) await checkAccountFile(options.json);
  const seconds: Record<string, number> = {};
  const phase = async <T>(title: string, key: string, work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const startMs = performance.now();
    say(title);
    const result = await work();
    seconds[key] = (performance.now() - startMs) / 1000;
    return result;
  };
  await phase("the Pulumi engine and its plugins", "toolchain", () => ensureToolchain({ signal }));
  await phase("hosts", "hosts", () => bringHosts(name, signal, options.stack));
  await phase(`pulumi up -s ${name}`, "up", () => provision(name, signal));
  const config = await readStackConfig(name);
  const { radar, toPublic } = await phase("products", "total", () => sendBothWays({ ...options, config, seconds }));
  const color = wantsColor(process.stdout);
  const count = options.files.length || options.count;
  process.stdout.write(`\n${formatRoads({ ...radar, count, color }, toPublic)}`);
  if (options.json) {
    await writeAccount(options.json, { ...radar.account, ...publicAccounts(toPublic) });
  }
  process.stdout.write(nextSteps(name, config));
  const isRadarGood = isGood(radar.account) && radar.outcome === "complete";
  return isRadarGood && [...toPublic.values()].every(isPublicGood);
}

/** `public` is the first public data server's account; with several, `publicServers` has all, by host. */
function publicAccounts(toPublic: ReadonlyMap<string, PublicResult>) {
  const all = [...toPublic].map(([host, { account }]) => [host, account] as const);
  const [first] = all;
  if (!first) return {};
  return { public: first[1], ...(all.length > 1 ? { publicServers: Object.fromEntries(all) } : {}) };
}

/** Sends products down all paths of the stack at the same time. The user's own files go down the radar path only. */
async function sendBothWays(options: JobOptions & { config: StackConfig; seconds: Record<string, number> }) {
  const [radar, toPublic] = await Promise.all([
    sendProducts({ ...options, stream: process.stderr }),
    options.files.length > 0 ? new Map<string, PublicResult>() : sendToPublic({ ...options, ...publicShare(options) }),
  ]);
  return { radar, toPublic };
}

/** The public data servers together get a quarter of the products in the same time, as a lab is mostly for the radar path. */
function publicShare({ count, ratePerSecond }: JobOptions): Pick<JobOptions, "count" | "ratePerSecond"> {
  return { count: Math.ceil(count / 4), ratePerSecond: ratePerSecond / 4 };
}

const say = (text: string): boolean => process.stderr.write(`\n== ${text}\n`);

/**
 * Hosts that are up stay as they are; state of hosts that are gone is forgotten.
 *
 * @param edit of the stack's text, where the lab is not to be quite what the committed one says
 */
export async function bringHosts(
  name: string,
  signal: AbortSignal,
  stack?: string,
  edit?: (text: string) => string,
): Promise<void> {
  const spec = await labSpec(name, await allocateLabIndex(name), stack, edit);
  const { booted } = await labUp(spec, { report: progressPrinter(process.stderr), signal });
  await ensureStack(name);
  await freeEngine({ stack: name, signal, say: (text) => void process.stderr.write(`${text}\n`) });
  if (booted.length === spec.hosts.length) await forgetHosts(name);
  const all = `${spec.hosts.length} hosts`;
  process.stderr.write(booted.length === 0 ? `${all} already running\n` : `${all} run, ${booted.length} of them new\n`);
}

/** New hosts are bare, so the state of their predecessors is removed. */
async function forgetHosts(name: string): Promise<void> {
  await readPulumi(["stack", "rm", "--yes", "--force", "--preserve-config", "--stack", name], { stack: name });
  await forgetRuns(name);
  await ensureStack(name);
}

/** A `pulumi up` of a lab's stack. @throws UserError where it fails */
export async function provision(name: string, signal: AbortSignal): Promise<void> {
  const args = ["up", "--stack", name, "--yes", "--skip-preview", "--suppress-outputs"];
  const exitCode = await runPulumi(args, { stack: name, signal });
  if (exitCode !== 0) {
    throw new UserError(
      `stack ${name}`,
      `pulumi up ended with ${exitCode}; see its output above`,
      `fix the cause and run it again: it continues where it stopped. ./warren lab ssh HOST opens a shell on a host`,
    );
  }
}

function nextSteps(name: string, { hosts, brokers, announcements }: StackConfig): string {
  const broker = brokers[announcements.broker]?.members[0] ?? "";
  const option = labOption(name);
  const hasMonitor = Object.values(hosts).some(({ roles }) => roles.includes("monitor"));
  const steps = [
    ...(hasMonitor ? [[`./warren watch -s ${name}`, "opens the live page of the flow"] as const] : []),
    [`./warren lab${option} --product FILE…`, "send your own files through the same hosts"],
    [
      `./warren lab${option} exec ${broker} -- systemctl stop rabbitmq-server`,
      `then ./warren preview -s ${name} shows it, up repairs it`,
    ],
    [`./warren lab${option} down`, "remove the hosts"],
  ] as const;
  return `\nThe hosts stay up. Try next:\n${formatColumns(steps, "  ", { gap: "   " })}\n`;
}
