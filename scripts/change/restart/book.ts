import { InvalidArgumentError } from "commander";
import { runbookOptions, words } from "../../lib/options.ts";
import { type Book, changing, waitOption } from "../runbook.ts";
import { type Service, services } from "./plan.ts";

export interface RestartFlags {
  readonly host?: readonly string[];
  readonly only?: readonly Service[];
  readonly again?: true;
}

export const restartBook: Book = {
  verb: "restart",
  options: (command) =>
    changing(waitOption(runbookOptions(command), "for all to recover after a host", 300))
      .option("--host <names>", "only these, with commas between them", words)
      .option("--only <services>", `only these of ${services.join(", ")}`, readServices)
      .option("--again", "start from scratch, though an earlier restart was broken off"),
  help: `One host at a time: pullers and radar servers first, then brokers, the host with the virtual IP last. Before each host all must be healthy, and each
queue must work without it; the virtual IP moves away first, and back afterwards. After each host all must recover in time; at the first that doesn't the
command stops and reports the problem. The same command continues, also after a kill: nothing is restarted twice.
Ctrl-C ends after the current host; a second one ends at once, and the host finishes the command that it runs.
--json: {ok, finding: {host, id, step, evidence, remedy} | null, turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all restarted and healthy, 1 stopped half way, 2 something was wrong before, and nothing was done, or the stack file is wrong; 130 Ctrl-C.

  ./warren restart -s op --dry-run
  ./warren restart -s op --only broker
  ./warren restart -s op --only puller --host pds-1,pds-2 --yes`,
};

function readServices(text: string, before: readonly Service[] = []): Service[] {
  return words(text, before).map((word) => {
    const found = services.find((service) => service === word);
    if (found) return found;
    throw new InvalidArgumentError(`there is no ${word}; there are ${services.join(", ")}.`);
  });
}
