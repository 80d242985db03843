import { InvalidArgumentError } from "commander";
import { runbookOptions, seconds } from "../../lib/options.ts";
import { formatColumns } from "../../lib/table.ts";
import { type Book, waitOption } from "../runbook.ts";
import { type DrillKind, drillKinds } from "./kinds.ts";

export interface DrillFlags {
  readonly host?: string;
  readonly hold: number;
  readonly report?: true;
}

const waitText = "for others to take over, and for all to recover";

export const drillBook: Book = {
  verb: "drill",
  lockless: (flags) => "report" in flags,
  options: (command) =>
    waitOption(runbookOptions(command), waitText, 120)
      .argument("[kind]", `what is broken: ${drillKinds.map(({ name }) => name).join(", ")}`, kindOf, drillKinds[0])
      .option("--host <host>", "the host that it is done to; the plan shows which one unless given")
      .option("--hold <seconds>", "that it stays broken", seconds, 10)
      .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
      .option("--report", "the drills that this checkout has made of the stack, and end"),
  interrupted: ({ broken }) => ({
    first: "ending, and repairing what was broken; once more ends without waiting for it",
    second: () =>
      broken.heal
        ? `ending as soon as ${broken.host} was told; it repairs itself in any case. By hand: ${broken.byHand}`
        : "ending; nothing is broken",
    heal: () => broken.heal,
  }),
  help: `${formatColumns([["drill", "the host", "expected"], ...drillKinds.map(({ name, does, expectation }) => [name, does, expectation])], "  ")}

Refused on a system that is not healthy. Products keep flowing. The dispatchers' journals give the pause: the longest time between two products sent,
beside the longest of the minute before; each host's clock says when the address left and came. The journals of radar servers and pullers give what became
of each product that was announced meanwhile. verify runs before and after.
Nothing stays broken: Ctrl-C repairs it at once, and the host does so itself, should this machine die meanwhile.
Each drill is kept, with its date, in .warren/drills of this checkout; --report shows them.
--json: {kind, host, ok, phases: [{what, from, to, products, pauseMs?, usualMs?, leftMs?, heldMs?, firstDecisionMs?}],
account?: {announced, lost, repeated}, brokenOff, trouble, before, after}
Exit codes: 0 broken and healthy again, nothing lost or repeated, 1 it did not go so, 2 something was wrong before, and nothing was done, or a link is
broken that was not before, or the stack file is wrong; 130 ended by Ctrl-C, all repaired.

  ./warren drill -s op                           the virtual IP to the other host and back
  ./warren drill broker -s op                    kill -9 of the broker that has it
  ./warren drill pds --host pds-3 -s op --hold 60 --yes --json
  ./warren drill -s op --report`,
};

function kindOf(text: string): DrillKind {
  const kind = drillKinds.find(({ name }) => name === text);
  if (kind) return kind;
  throw new InvalidArgumentError(`one of ${drillKinds.map(({ name }) => name).join(", ")} is expected.`);
}
