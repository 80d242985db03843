import type { StackConfig } from "../../../infra/config/index.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import type { RunRecord } from "../../engine/run-record.ts";
import type { EngineContext } from "../restore/engine.ts";
import type { UpgradeRecord } from "./record.ts";
import type { Side } from "./side.ts";

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
