import type { Command } from "../commands/command.ts";
import type { Repair } from "../observe/host-drifts.ts";

/**
 * One thing that warren keeps on a host, as data: how it is made, renewed and taken off, what it comes after, and how it
 * differs from what the host says. Declared as one `remote.Command` each (artifacts as a copy before it).
 */
export interface Step {
  /** Unique in the host, e.g. `/etc/hosts` or `keepalived.service`. */
  readonly name: string;
  readonly create: Command;
  /** Runs where the step's digest changed. */
  readonly renew: Command;
  /** Runs where the host drifted; the same as `renew` where there is nothing gentler. */
  readonly repair: Command;
  /** What is run after `repair` where that alone doesn't mend what was seen. */
  readonly mends?: Readonly<Partial<Record<Repair, Command>>>;
  readonly remove: Command | undefined;
  readonly timeoutSeconds: number;
  readonly stdin?: { readonly text: string; readonly secret: boolean };
  readonly copy?: { readonly source: string; readonly remotePath: string };
  /** Names of steps of the same host that come before, or `HOST STEP` of another host's. */
  readonly after: readonly string[];
  /** `HOST STEP` of other hosts that come before where those hosts can be asked. */
  readonly afterAsked?: readonly string[];
  /** The cluster whose objects it comes after. */
  readonly afterBroker: string | false;
  /** What it comes after besides where it was made before: a program is renewed when it is the turn of the unit that runs it. */
  readonly turn?: Pick<Step, "after" | "afterAsked" | "afterBroker">;
  /** Everything that a change of should lead to a renewal. */
  readonly content: readonly string[];
  /** Names of steps whose renewal or repair renews this one. */
  readonly follows: readonly string[];
}
