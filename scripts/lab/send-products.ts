import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";
import type { Role } from "../../infra/config/hosts.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { answersAmqp } from "../lib/amqp-probe.ts";
import { openTap } from "../lib/tap.ts";
import { firstObservationOf } from "../products/names.ts";
import { planOwnFiles } from "../products/own-files.ts";
import { type ProductPlan, planProducts } from "../products/plan.ts";
import { type RunOptions, type RunResult, runProducts } from "../products/run.ts";
import { loadSamples, type Samples } from "../products/samples.ts";
import { hostRoot } from "./ssh.ts";

export interface SendOptions extends Pick<RunOptions, "signal" | "stream" | "onProgress" | "stallMs"> {
  /** The lab, and its stack. */
  readonly name: string;
  readonly config: StackConfig;
  readonly count: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  /** A person's own files instead of the plan. */
  readonly files: readonly string[];
  /** Seconds of the phases before this one. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** Seconds for the virtual IP to find its holder after the brokers have come up. */
const virtualIpTimeoutSeconds = 30;

/** Sends products through a lab that is provisioned, and counts them. The hosts' disks are read and written from outside. */
export async function sendProducts(options: SendOptions): Promise<RunResult> {
  const { name, config, signal } = options;
  const { announcements } = config;
  const urps = hostsOf(config, "urp");
  const samples = await loadSamples();
  const plan = await planFor(options, urps, samples);
  const roots = Object.fromEntries(
    await Promise.all(
      urps.map(async (host) => [host, join(await hostRoot(name, host), announcements.productRoot)] as const),
    ),
  );
  const folders = await Promise.all(
    hostsOf(config, "pds").map(async (pds) => ({
      pds,
      directory: join(await hostRoot(name, pds), announcements.receiverDirectory),
    })),
  );
  const tap = await openTap({
    broker: await brokerUrl(config, signal),
    exchange: announcements.exchange,
    name: "warren-lab-tap",
  });
  try {
    return await runProducts({ ...options, plan, samples, roots, folders, tap });
  } finally {
    await tap.close();
  }
}

/** Names of the hosts of a role, in the order of the config. */
export function hostsOf(config: StackConfig, role: Role): string[] {
  return Object.entries(config.hosts).flatMap(([host, { roles }]) => (roles.includes(role) ? [host] : []));
}

async function planFor(
  { files, count, ratePerSecond, seed }: SendOptions,
  urps: readonly string[],
  samples: Samples,
): Promise<ProductPlan> {
  const now = new Date();
  const firstObservation = firstObservationOf(now);
  if (files.length > 0) return planOwnFiles({ files, urps, ratePerSecond, firstObservation, now });
  return planProducts({ urps, count, ratePerSecond, seed, firstObservation }, samples);
}

/** The broker at its virtual IP, once it answers there, with the account that the agents use. */
export async function brokerUrl(config: StackConfig, signal: AbortSignal): Promise<string> {
  const broker = config.brokers[config.announcements.broker];
  const address = broker?.virtualIp ? config.virtualIps[broker.virtualIp]?.address : undefined;
  if (!broker || !address) throw new UserError("warren:brokers", "the lab's broker has no virtual IP");
  const deadlineMs = performance.now() + virtualIpTimeoutSeconds * 1000;
  while (!(await answersAmqp(address, broker.port))) {
    signal.throwIfAborted();
    if (performance.now() > deadlineMs) {
      throw new UserError(
        address,
        `no broker answers at the virtual IP after ${virtualIpTimeoutSeconds} s`,
        "./warren lab exec bunny1 bunny2 -- journalctl -u keepalived -n 20",
      );
    }
    await sleep(200);
  }
  const url = new URL(`amqp://${address}:${broker.port}/`);
  url.username = "feeder";
  url.password = config.secrets.passwords.feeder;
  return url.href;
}
