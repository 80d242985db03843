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

/** A move of the announcements from one cluster to the other, and what it takes. */
export interface Move {
  readonly stack: string;
  /** As the stack file has it before: with its secrets. */
  readonly config: StackConfig;
  readonly from: Side;
  readonly to: Side;
  /** The side on which shovels run. */
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

/** @throws UserError where the flags and the stack file don't make a move, or another one was broken off */
export async function openMove(run: Run<UpgradeFlags>, before: UpgradeRecord | undefined): Promise<Move> {
  const { stack, flags, signal, say } = run;
  // What was begun gets to its end: the engine, too.
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
