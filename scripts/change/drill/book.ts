import { Argument, InvalidArgumentError } from "commander";
import { acceptNewHostsOption, runbookOptions, seconds } from "../../lib/options.ts";
import { formatColumns } from "../../lib/table.ts";
import { type Book, waitOption } from "../runbook.ts";
import { type DrillKind, drillKinds } from "./kinds.ts";

export interface DrillFlags {
  readonly host?: string;
  readonly hold: number;
  readonly report?: true;
}

const waitText = "time limit for others to take over, and again for the system to recover";

const names = drillKinds.map(({ name }) => name).join(", ");

const kindArgument = new Argument("[kind]", `what to break: ${names}`)
  .argParser(kindOf)
  .default(drillKinds[0], drillKinds[0]?.name);

export const drillBook: Book = {
  verb: "drill",
  lockless: (flags) => "report" in flags,
  options: (command) =>
    waitOption(runbookOptions(command), waitText, 120)
      .addArgument(kindArgument)
      .option("--host <host>", "host to break (default: see the plan)")
      .option("--hold <seconds>", "how long it stays broken", seconds, 10)
      .option("-y, --yes", "don't ask for confirmation; required without a terminal")
      .option(...acceptNewHostsOption)
      .option("--report", "print earlier drills of the stack from this checkout, and exit"),
  interrupted: ({ broken }) => ({
    first: "stopping and repairing; press Ctrl-C again to stop without waiting for the repair",
    second: () =>
      broken.heal
        ? `stopping once ${broken.host} has received the repair command; it repairs itself in any case. By hand: ${broken.byHand}`
        : "stopping; nothing is broken",
    heal: () => broken.heal,
  }),
  help: `${formatColumns([["drill", "the host", "expected"], ...drillKinds.map(({ name, does, expectation }) => [name, does, expectation])], "  ")}

A drill runs only on a healthy system, while products keep flowing. The dispatchers' journals give the pause: the longest time between two products sent,
compared with the longest of the minute before. Each host's clock gives when the address left and arrived. The journals of radar servers and pullers
show what became of each product announced during the drill. verify runs before and after.
Nothing stays broken: Ctrl-C repairs it at once, and the host repairs itself even if this machine fails.
Each drill is recorded in .warren/drills of this checkout; --report prints the records.
--json: {kind, host, ok, phases: [{what, from, to, products, pauseMs?, usualMs?, leftMs?, heldMs?, firstDecisionMs?}],
account?: {announced, lost, repeated}, brokenOff, trouble, before, after}
Exit codes: 0 broken and healthy again, nothing lost or repeated, 1 not as expected, 2 a problem was found before, so nothing was done, or a link is
broken that was not before, or the stack file is invalid; 130 stopped by Ctrl-C, everything repaired.

  ./warren drill -s op                           move the virtual IP to another host and back
  ./warren drill broker -s op                    kill -9 the broker that holds it
  ./warren drill pds --host pds-3 -s op --hold 60 --yes --json
  ./warren drill -s op --report`,
};

function kindOf(text: string): DrillKind {
  const kind = drillKinds.find(({ name }) => name === text);
  if (kind) return kind;
  throw new InvalidArgumentError(`expected one of ${names}.`);
}
