import type { Command } from "../commands/command.ts";
import type { Repair } from "../observe/host-drifts.ts";

/**
 * One thing that warren manages on a host, as data: how to create, renew, repair and remove it, and what it depends on. Each is declared as one
 * `remote.Command` (artifacts with a copy before it).
 */
export interface Step {
  /** Unique in the host, e.g. `/etc/hosts` or `keepalived.service`. */
  readonly name: string;
  readonly create: Command;
  /** Runs if the step's digest changed. */
  readonly renew: Command;
  /** Runs if the host drifted; the same as `renew` if there is nothing less disruptive. */
  readonly repair: Command;
  /** Additional repairs after `repair`, for drift that `repair` alone doesn't fix. */
  readonly mends?: Readonly<Partial<Record<Repair, Command>>>;
  readonly remove: Command | undefined;
  readonly timeoutSeconds: number;
  readonly stdin?: { readonly text: string; readonly secret: boolean };
  /** `sha256` of the file as it is copied; `remotePath` is relative to the login's home. */
  readonly copy?: { readonly source: string; readonly sha256: string; readonly remotePath: string };
  /** Steps that come before: names of steps of the same host, or `HOST STEP` of another host. */
  readonly after: readonly string[];
  /** `HOST STEP` of other hosts that come before, if those hosts could be observed. */
  readonly afterAsked?: readonly string[];
  /** The cluster whose objects come before. */
  readonly afterBroker: string | false;
  /** Additional predecessors when it is renewed: a program is replaced in the turn of the unit that runs it. */
  readonly turn?: Pick<Step, "after" | "afterAsked" | "afterBroker">;
  /** Everything whose change renews the step. */
  readonly content: readonly string[];
  /** Names of steps whose renewal or repair renews this one. */
  readonly follows: readonly string[];
}
