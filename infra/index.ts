import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { fileFault, UserError } from "../agents/lib/errors.ts";
import { checkModel, formatFinding } from "./checks/index.ts";
import { type Past, pastOf, readPast } from "./checks/past.ts";
import { parseStackConfig } from "./config/index.ts";
import type { RecordedKeys } from "./hosts/host-keys.ts";
import { buildModel } from "./model/index.ts";
import { observeBrokers } from "./observe/broker.ts";
import { findDrift } from "./observe/find-drift.ts";
import { type ManagementHosts, managementHosts } from "./observe/management-hosts.ts";
import { meetHosts } from "./observe/meet.ts";
import { reportDrift, reportHostKeys } from "./report.ts";
import { buildArtifacts } from "./resources/artifacts.ts";
import { ensureCertificates, type KeptTls, writeOperatorCa } from "./resources/certificates.ts";
import { requireLogins } from "./resources/connection.ts";
import { declareModel } from "./resources/declare.ts";
import { type KeptSteps, planSteps } from "./resources/plan.ts";

/** Read config, build the model, check it, ask the hosts, declare what they should be. @returns the stack's outputs */
async function declareStack() {
  const checkout = join(import.meta.dirname, "..");
  const stack = pulumi.getStack();
  const config = parseStackConfig(warrenConfig(), `stack ${stack}`);
  const [artifacts, { kept, recorded, past, asked, keptTls, keptKey }] = await Promise.all([
    buildArtifacts(checkout),
    ownOutputs(stack),
  ]);
  const tls = await ensureCertificates(stack, config, keptTls, checkout, new Date());
  for (const warning of tls.warnings) await pulumi.log.warn(warning);
  await writeOperatorCa(stack, tls.certificates.bundle, checkout, keptTls !== undefined);
  const wanted = buildModel(stack, config, artifacts, tls.certificates);
  for (const warning of checkModel(wanted, config, past)) await pulumi.log.warn(formatFinding(warning));
  requireLogins(
    wanted.hosts.map((host) => host.connection),
    checkout,
  );

  const [{ model, observations, hostKeys, notes }, brokers] = await Promise.all([
    meetHosts(wanted, checkout, recorded),
    observeBrokers(wanted, checkout),
  ]);
  await reportHostKeys(notes);
  const drift = findDrift(model, observations, brokers);
  // Any secret of the stack would do. The first one stays: under another every step's digest would be another.
  const digestKey = keptKey ?? config.secrets.erlangCookie;
  const planned = planSteps(model, drift.hosts, kept, digestKey, new Date().toISOString());
  await reportDrift(observations, drift, planned);
  const management = managementHosts(model, brokers, asked);
  const steps = declareModel(model, planned, kept, checkout, management);
  return {
    hosts: Object.fromEntries(model.hosts.map((host) => [host.name, host.connection.address])),
    virtualIps: Object.fromEntries(Object.entries(config.virtualIps).map(([name, vip]) => [name, vip.address])),
    hostKeys,
    management,
    ...pastOf(config),
    // Secret only so that a hundred lines of digests don't bury what a person wants to see.
    steps: pulumi.secret(steps),
    digestKey: pulumi.secret(digestKey),
    // With the keys of the CA and of every server.
    ...(tls.keep ? { tls: pulumi.secret(tls.keep) } : {}),
  };
}

/** The `warren:` keys, decrypted: the program is told secrets in the clear, and marks what holds them. */
function warrenConfig(): Record<string, unknown> {
  const prefix = "warren:";
  return Object.fromEntries(
    Object.entries(allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), decoded(value)]),
  );
}

/** Objects come as JSON; a plain word that isn't JSON is itself. */
function decoded(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

interface OwnOutputs {
  readonly kept: KeptSteps;
  readonly recorded: RecordedKeys;
  readonly past: Past;
  /** Which member of each cluster was asked. */
  readonly asked: ManagementHosts;
  readonly keptTls: KeptTls | undefined;
  /** By which the digests of steps were made. */
  readonly keptKey: string | undefined;
}

/**
 * What the last run kept of each step, of host keys and certificates, and what it made of which series and release: the stack reads its
 * own outputs, as they were before this run.
 */
async function ownOutputs(stack: string): Promise<OwnOutputs> {
  const own = new pulumi.StackReference("own outputs", {
    name: `${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`,
  });
  const names = ["steps", "hostKeys", "series", "releases", "tls", "management", "digestKey"] as const;
  const [steps, hostKeys, series, releases, tls, management, digestKey] = await Promise.all(
    names.map((name) => own.getOutputDetails(name)),
  );
  return {
    kept: (steps?.secretValue as KeptSteps | undefined) ?? {},
    recorded: (hostKeys?.value as RecordedKeys | undefined) ?? {},
    asked: (management?.value as ManagementHosts | undefined) ?? {},
    past: readPast({ series: series?.value, releases: releases?.value }),
    keptTls: tls?.secretValue as KeptTls | undefined,
    keptKey: digestKey?.secretValue as string | undefined,
  };
}

/** A program that ends with this has failed, and everything about it was told (the SDK's own code). */
const exitCodeTold = 32;

/**
 * A resource that fails rejects everything that waits for it. The engine has told of the failure under the resource's name by then; the
 * SDK would tell it again, with a stack trace, once for each that waited. The program must fail all the same: the engine takes what a
 * program that succeeds didn't register for given up, and would delete it.
 */
function reportFailuresOnce(): void {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => {
    if (reason instanceof Error && /resource .* failed to register$/.test(reason.message)) {
      process.exitCode = exitCodeTold;
      return;
    }
    for (const other of others) other.call(process, reason, promise);
  });
}

reportFailuresOnce();
let outputs: Awaited<ReturnType<typeof declareStack>>;
try {
  outputs = await declareStack();
} catch (error) {
  // A mistake of the person's: the engine shows the text and no stack trace.
  const mistake = error instanceof UserError ? error : fileFault(error);
  if (mistake) throw new pulumi.RunError(mistake.format());
  throw error;
}

export const { hosts, virtualIps, hostKeys, management, series, releases, steps, digestKey, tls } = outputs;
