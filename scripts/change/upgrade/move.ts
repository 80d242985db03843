import type { StackConfig } from "../../../infra/config/index.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { carrierOf } from "../../../infra/model/dispatchers.ts";
import { ensureStack } from "../../engine/engine.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { type RunRecord, runRecord } from "../../engine/run-record.ts";
import { readStackConfig } from "../../engine/stack-config.ts";
import type { EngineContext } from "../restore/engine.ts";
import { openEngine, type Run } from "../runbook.ts";
import type { UpgradeFlags } from "./book.ts";
import { recordOf, type UpgradeRecord, upgradeRecord } from "./record.ts";
import { openSide, type Side } from "./side.ts";

/** A move of the announcements from one cluster to the other, and what it needs. */
export interface Move {
  readonly stack: string;
  /** The stack's config before the move, with its secrets. */
  readonly config: StackConfig;
  readonly from: Side;
  readonly to: Side;
  /** The cluster on which shovels run. */
  readonly runner: Side;
  readonly vip: string;
  readonly reach: Hosts;
  readonly engine: EngineContext;
  readonly ca: string | undefined;
  readonly record: UpgradeRecord;
  readonly kept: RunRecord<UpgradeRecord>;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/** @throws UserError if the flags and the stack file don't define a move, or another one was interrupted */
export async function openMove(run: Run<UpgradeFlags>, before: UpgradeRecord | undefined): Promise<Move> {
  const { stack, flags, signal, say } = run;
  // A step that has begun is finished, including the engine's run.
  const engine = { ...(await openEngine(run)), signal: new AbortController().signal };
  await ensureStack(stack, engine);
  const config = await readStackConfig(stack);
  const kept = runRecord("upgrade", stack, upgradeRecord);
  const record = recordOf(stack, config, flags, before);
  const ca = await readOperatorCa(stack);
  const from = openSide({ stack, config }, record.from, ca, signal);
  const to = openSide({ stack, config }, record.to, ca, signal);
  run.onEnd.push(from.close, to.close);
  const runner = carrierOf(config) === record.from ? from : to;
  const vip = config.virtualIps[config.brokers[record.from]?.virtualIp ?? ""]?.address;
  if (vip === undefined) throw new TypeError("no virtual IP");
  const reach = await openHosts(stack, config);
  const waitMs = flags.wait * 1000;
  return { stack, config, from, to, runner, vip, reach, engine, ca, record, kept, waitMs, signal, say };
}
