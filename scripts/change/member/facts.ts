import { $ } from "zx/core";
import { UserError } from "../../../agents/lib/errors.ts";
import { run } from "../../../infra/commands/command.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { traitsOf } from "../../../infra/config/series.ts";
import { act, actionOn } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { connectionOf } from "../../../infra/model/connection.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readCommittedConfig } from "../../engine/stack-config.ts";
import { awaitNoProblem, type Problem } from "../../inspect/health.ts";
import type { Evidence } from "../../inspect/snapshot/evidence.ts";
import { bareSnapshot, type Observer, openObserver } from "../../inspect/snapshot/snapshot.ts";
import { askHostState } from "../backup/journals.ts";
import { type Facts, problemElsewhere } from "./plan.ts";

/** Some problems pass by themselves: after the loss of a member, the others elect leaders, and an address moves. */
const settledWithinMs = 30_000;
const scanSeconds = 5;

/** Asks the other hosts, what is left of the dead host, and which key the new address offers. Changes nothing. */
export async function gatherFacts(
  stack: string,
  host: string,
  options: { readonly address: string | undefined; readonly isResumed: boolean },
): Promise<Facts> {
  const config = readCommittedConfig(stack);
  const own = config.hosts[host];
  if (!own) {
    throw new UserError(host, "is not a host of the stack", `its hosts: ${Object.keys(config.hosts).join(" ")}`);
  }
  const address = options.address ?? own.address;
  const broker = Object.values(config.brokers).find(({ members }) => members.includes(host));
  const replication = broker ? traitsOf(broker.series).replication : "mirrored";
  const reach = await openHosts(stack, config);
  const observer = await openObserver(stack);
  const [evidence, state, offeredKey] = await Promise.all([
    settledEvidence(observer, (evidence) =>
      options.isResumed ? undefined : problemElsewhere(evidence, host, replication),
    ),
    askHostState(reach, host),
    offeredBy(host, address, config, reach),
  ]).finally(() => observer.close());
  return {
    ...{ stack, host, address, formerAddress: own.address, isAdopted: own.adopted !== undefined },
    ...{ members: broker?.members ?? [], replication, evidence, state, offeredKey },
    pinnedKey: reach.connectionTo(host).hostKey,
  };
}

async function settledEvidence(
  observer: Observer,
  judge: (evidence: Evidence) => Problem | undefined,
): Promise<Evidence> {
  let last: Evidence | undefined;
  const snapshot = async () => (last = await observer.snapshot(bareSnapshot));
  await awaitNoProblem(snapshot, judge, { withinMs: settledWithinMs, onProblem: () => {} });
  return last ?? (await snapshot());
}

/** The ed25519 key that an address offers, through its jump host if it has one; undefined if it offers none. */
async function offeredBy(
  host: string,
  address: string,
  config: StackConfig,
  reach: Hosts,
): Promise<string | undefined> {
  const { port, via } = connectionOf(host, config);
  const words = ["ssh-keyscan", "-T", String(scanSeconds), "-t", "ed25519", "-p", String(port), address];
  let output: string;
  if (via) {
    const outcome = await act(reach, actionOn(via.host, "is asked for its key", run(...words), 2 * scanSeconds));
    output = "output" in outcome ? outcome.output : "";
  } else {
    output = (await $({ nothrow: true, quiet: true })`${words}`).stdout;
  }
  return /^\S+ (ssh-ed25519 [A-Za-z0-9+/=]+)$/m.exec(output)?.[1];
}
