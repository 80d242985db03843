import { runbookOptions, seconds } from "../../lib/options.ts";
import { type Book, changing, waitOption } from "../runbook.ts";

export interface RolloutFlags {
  readonly steady: number;
}

export const rolloutBook: Book = {
  verb: "rollout",
  options: (command) =>
    changing(waitOption(runbookOptions(command), "time limit for the system to recover after each host", 120)).option(
      "--steady <seconds>",
      "how long a new agent must stay healthy",
      seconds,
      10,
    ),
  help: `Bundles the agents of this checkout and installs them on the hosts that run other versions, one host at a time: pullers and radar servers first, then
the standby dispatchers, then the host with the virtual IP, which moves away first and back afterwards. After each host its agents must start and stay
healthy for a while, together with the rest of the system. If one does not, all finished hosts are rolled back to their previous agents. If the command is
interrupted, run it again to continue. At the end \`up\` records in the stack what the hosts run. A rollout makes no other changes; use \`up\` for them.
--json: {ok, backOn: [host], turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all hosts run the new agents, or there is nothing to roll out; 1 rolled back, or stopped; 2 a problem was found before, so nothing was done.

  ./warren rollout -s op --dry-run
  ./warren rollout -s op
  ./warren rollout -s op --steady 60 --yes`,
};
