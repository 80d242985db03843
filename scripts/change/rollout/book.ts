import { runbookOptions, seconds } from "../../lib/options.ts";
import { type Book, changing, waitOption } from "../runbook.ts";

export interface RolloutFlags {
  readonly steady: number;
}

export const rolloutBook: Book = {
  verb: "rollout",
  options: (command) =>
    changing(waitOption(runbookOptions(command), "for all to be healthy after a host", 120)).option(
      "--steady <seconds>",
      "for which a new agent must be healthy without a break",
      seconds,
      10,
    ),
  help: `Bundles the agents of this checkout, and brings them to the hosts that run others: pullers and radar servers first, one at a time, then the dispatchers
that wait, then the one with the virtual IP, which moves away first and back afterwards. Each must start and stay healthy for a while, with all else
healthy, before the next one. At the first that isn't, all hosts that were done run the former agents again. Broken off in any way, the same command
continues. At the end \`up\` keeps in the stack what the hosts run. A rollout makes no other changes: \`up\` does.
--json: {ok, backOn: [host], turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all run with the new agents, or nothing is new; 1 back to the former ones, or stopped; 2 something was wrong before, and nothing was done.

  ./warren rollout -s op --dry-run
  ./warren rollout -s op
  ./warren rollout -s op --steady 60 --yes`,
};
