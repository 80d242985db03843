import { join } from "node:path";
import { announcedBaseUrl } from "../../infra/config/full-names.ts";
import type { Role } from "../../infra/config/hosts.ts";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { readOperatorCa } from "../engine/operator-ca.ts";
import { firstObservationOf } from "../traffic/names.ts";
import { planOwnFiles } from "../traffic/own-files.ts";
import { type ProductPlan, planProducts } from "../traffic/plan.ts";
import { type RunOptions, type RunResult, runProducts } from "../traffic/run.ts";
import { loadSamples, type Samples } from "../traffic/samples.ts";
import { openTap } from "../traffic/tap.ts";
import { hostRoot } from "./ssh.ts";
import { awaitVirtualIp, brokerVirtualIp } from "./virtual-ip.ts";

export interface SendOptions extends Pick<RunOptions, "signal" | "stream" | "onProgress" | "stallMs"> {
  /** The lab, and its stack. */
  readonly name: string;
  readonly config: StackConfig;
  readonly count: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  /** The user's own files instead of generated products. */
  readonly files: readonly string[];
  /** Seconds of the previous phases. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** Sends products through a provisioned lab and counts them. Reads and writes the hosts' disks from outside. */
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
  const misplaced = await awaitVirtualIp(name, config, signal);
  if (misplaced) options.stream.write(`${misplaced}\n`);
  const tap = await openTap({
    broker: brokerUrl(config),
    ...(await brokerTrust(name, config)),
    exchange: announcements.exchange,
    name: "warren-lab-tap",
    hosts: new Map(urps.map((urp) => [new URL(announcedBaseUrl(config, urp)).origin, urp])),
    say: (line) => options.stream.write(`${line}\n`),
  });
  try {
    return await runProducts({ ...options, plan, samples, roots, folders, tap });
  } finally {
    await tap.close();
  }
}

/** Names of a role's hosts, in the order of the config. */
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

/** URL of the broker at its virtual IP, with the agents' account unless another one is given. */
export function brokerUrl(config: StackConfig, user = config.announcements.user): string {
  const { address, port, secure } = brokerVirtualIp(config);
  const url = new URL(`${secure ? "amqps" : "amqp"}://${address}:${port}/`);
  url.username = user;
  url.password = passwordOf(config, user);
  return url.href;
}

/** What amqplib needs beside `brokerUrl`: the trusted CAs, if the broker uses TLS. */
export async function brokerTrust(lab: string, config: StackConfig): Promise<{ readonly ca?: string }> {
  const ca = brokerVirtualIp(config).secure ? await readOperatorCa(lab) : undefined;
  return ca === undefined ? {} : { ca };
}
