import { runbookOptions, seconds } from "../../lib/options.ts";
import { type Book, changing, waitOption } from "../runbook.ts";

export interface RolloutFlags {
  readonly steady: number;
}

export const rolloutBook: Book = {
  verb: "rollout",
  options: (command) =>
    changing(waitOption(runbookOptions(command), "for all to be whole and well after a host", 120)).option(
      "--steady <seconds>",
      "for which a new agent has to be well without a break",
      seconds,
      10,
    ),
  help: `Bundles the agents of this checkout, and brings them to the hosts that run others: pullers and radar servers first, one at a time, then the dispatchers
that wait, then the one with the virtual IP, which is moved away first and let back. Each has to come up and to be well for a while, all whole, before the
next one. At the first that isn't, all that were done run with the former agents again. Broken off in whatever way, the same command goes on. At the
end \`up\` keeps in the stack what the hosts run. Other changes are none of a rollout: \`up\` makes those.
--json: {ok, backOn: [host], turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all run with the new agents, or nothing is new; 1 back to the former ones, or stopped; 2 something is wrong before, and nothing was done.

  ./warren rollout -s op --dry-run
  ./warren rollout -s op
  ./warren rollout -s op --steady 60 --yes`,
};
