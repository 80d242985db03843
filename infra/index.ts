import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { fileFault, UserError } from "../agents/lib/errors.ts";
import { checkModel, formatFinding } from "./checks/index.ts";
import { type Past, pastOf, readPast } from "./checks/past.ts";
import { parseStackConfig } from "./config/index.ts";
import { engineProcess } from "./engine-process.ts";
import type { RecordedKeys } from "./hosts/host-keys.ts";
import { otherHolder } from "./lock-owner.ts";
import { buildModel } from "./model/index.ts";
import { forgetVariable, locksVariable } from "./model/names.ts";
import { observeBrokers } from "./observe/broker.ts";
import { contactHosts } from "./observe/contact.ts";
import { fileDifferences } from "./observe/file-differences.ts";
import { findDrift } from "./observe/find-drift.ts";
import { goneHosts, type Inventory } from "./observe/gone-hosts.ts";
import { type ManagementHosts, managementHosts } from "./observe/management-hosts.ts";
import { reportDrift, reportFiles, reportHostKeys } from "./report.ts";
import { buildArtifacts } from "./resources/artifacts.ts";
import { ensureCertificates, type KeptTls, writeOperatorCa } from "./resources/certificates.ts";
import { requireLogins } from "./resources/connection.ts";
import { declareModel } from "./resources/declare.ts";
import { declareGone, goneWarnings, namesToForget, recordOfGone, sortGone, withGone } from "./resources/gone.ts";
import { type KeptSteps, planSteps } from "./resources/plan.ts";
import { tellOf } from "./tell.ts";

/** Reads the config, builds and checks the model, observes the hosts, declares resources. @returns the stack's outputs */
async function declareStack() {
  const checkout = join(import.meta.dirname, "..");
  const stack = pulumi.getStack();
  const locks = process.env[locksVariable];
  const holder = locks === undefined ? undefined : await otherHolder(stack, locks);
  if (holder && !pulumi.runtime.isDryRun()) throw holder;
  const tell = await tellOf({ stack, checkout, engine: engineProcess(), isPreview: pulumi.runtime.isDryRun() });
  if (holder) await tell.warn(holder.format());
  const config = parseStackConfig(warrenConfig(), `stack ${stack}`);
  const [artifacts, { kept, recorded, past, asked, keptTls, keptKey, inventory, forgotten }] = await Promise.all([
    buildArtifacts(checkout),
    ownOutputs(stack),
  ]);
  const tls = await ensureCertificates(stack, config, keptTls, checkout, new Date());
  for (const warning of tls.warnings) await tell.warn(warning);
  await writeOperatorCa(stack, tls.certificates.bundle, checkout, keptTls !== undefined);
  const wanted = buildModel(stack, config, artifacts, tls.certificates);
  for (const warning of checkModel(wanted, config, past)) await tell.warn(formatFinding(warning));
  requireLogins(
    wanted.hosts.map((host) => host.connection),
    checkout,
  );

  const [{ model, observations, hostKeys, notes }, brokers, unreachable] = await Promise.all([
    contactHosts(wanted, checkout, recorded),
    observeBrokers(wanted, checkout),
    goneHosts(inventory.hosts, wanted, checkout),
  ]);
  const gone = sortGone(unreachable, namesToForget(process.env[forgetVariable]), forgotten, inventory, wanted);
  await reportHostKeys(tell, notes);
  const drift = findDrift(model, observations, brokers, inventory.clusters);
  // Any secret of the stack is suitable. The first one stays, because another key would change every step's digest.
  const digestKey = keptKey ?? config.secrets.erlangCookie;
  const planned = planSteps(model, drift.hosts, kept, digestKey, new Date().toISOString());
  await reportDrift(tell, observations, drift, planned);
  for (const warning of goneWarnings(gone, stack)) await tell.warn(warning);
  const secrets = textsIn([
    config.secrets,
    tls.keep,
    wanted.clusters.map(({ users }) => users.map(({ password }) => password)),
  ]);
  await reportFiles(tell, await fileDifferences(model, observations, checkout, secrets));
  await tell.finish();
  const management = managementHosts(model, brokers, asked);
  const declared = declareModel(model, planned, kept, checkout, management);
  declareGone(gone, inventory, model);
  const left = recordOfGone(gone, inventory, kept, model);
  return {
    hosts: Object.fromEntries(model.hosts.map((host) => [host.name, host.connection.address])),
    virtualIps: Object.fromEntries(Object.entries(config.virtualIps).map(([name, vip]) => [name, vip.address])),
    hostKeys,
    management,
    ...pastOf(config),
    // Marked secret only to hide a hundred lines of digests from the outputs that people read.
    steps: pulumi.secret(declared.steps.apply((steps) => ({ ...steps, ...left.steps }))),
    inventory: pulumi.secret(declared.inventory.apply((made) => withGone(made, left.inventory))),
    forgotten: left.forgotten,
    digestKey: pulumi.secret(digestKey),
    // Contains the keys of the CA and of every server.
    ...(tls.keep ? { tls: pulumi.secret(tls.keep) } : {}),
  };
}

/** All texts in a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The `warren:` keys, decrypted: the engine passes secrets to the program in clear text, and the program marks values that contain them. */
function warrenConfig(): Record<string, unknown> {
  const prefix = "warren:";
  return Object.fromEntries(
    Object.entries(allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), decoded(value)]),
  );
}

/** Objects are JSON; text that isn't JSON is a plain string. */
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
  /** The member of each cluster whose management API was used. */
  readonly asked: ManagementHosts;
  readonly keptTls: KeptTls | undefined;
  /** Key of the digests of steps. */
  readonly keptKey: string | undefined;
  readonly inventory: Inventory;
  /** Hosts that the last run was to forget. */
  readonly forgotten: readonly string[];
}

/**
 * The stack's outputs before this run: what the last run recorded of steps, host keys, certificates, series and releases.
 */
async function ownOutputs(stack: string): Promise<OwnOutputs> {
  const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`;
  // A `StackReference` would be a resource, and the state would have all outputs twice.
  const { outputs: own } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
    readonly outputs: Readonly<Record<string, unknown>>;
  };
  return {
    kept: (own.steps as KeptSteps | undefined) ?? {},
    recorded: (own.hostKeys as RecordedKeys | undefined) ?? {},
    asked: (own.management as ManagementHosts | undefined) ?? {},
    past: readPast({ series: own.series, distribution: own.distribution, releases: own.releases }),
    keptTls: own.tls as KeptTls | undefined,
    keptKey: own.digestKey as string | undefined,
    inventory: (own.inventory as Inventory | undefined) ?? { hosts: {}, clusters: {} },
    forgotten: (own.forgotten as readonly string[] | undefined) ?? [],
  };
}

/** The SDK's exit code for a failed program whose errors have all been reported. */
const exitCodeReported = 32;

/**
 * A resource that fails rejects every promise that waits for it. The engine has by then reported the failure under the resource's name, and the
 * SDK would report it again with a stack trace for each of them. The program must still fail: if it succeeded, the engine would delete
 * resources that it had not registered.
 */
function reportFailuresOnce(): void {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => {
    if (reason instanceof Error && /resource .* failed to register$/.test(reason.message)) {
      process.exitCode = exitCodeReported;
      return;
    }
    for (const other of others) other.call(process, reason, promise);
  });
}

/**
 * For each resource the SDK sends the engine three messages for people who debug the SDK (three of four calls, a tenth of a preview), and a complete
 * stack trace, which the state would keep.
 */
function withoutDebugging(): void {
  Object.assign(pulumi.log, { debug: async () => {} });
  Object.assign(pulumi.Resource, { callsites: () => [] });
}

withoutDebugging();
reportFailuresOnce();
let outputs: Awaited<ReturnType<typeof declareStack>>;
try {
  outputs = await declareStack();
} catch (error) {
  // A user's mistake: the engine shows the message without a stack trace.
  const mistake = error instanceof UserError ? error : fileFault(error);
  if (mistake) throw new pulumi.RunError(mistake.format());
  throw error;
}

export const {
  hosts,
  virtualIps,
  hostKeys,
  management,
  series,
  distribution,
  releases,
  steps,
  inventory,
  forgotten,
  digestKey,
  tls,
} = outputs;
