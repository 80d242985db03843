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
    changing(waitOption(runbookOptions(command), "time limit for the system to recover after each host", 300))
      .option("--host <names>", "only these hosts, separated by commas", words)
      .option("--only <services>", `only these of ${services.join(", ")}`, readServices)
      .option("--again", "ignore an earlier restart that was interrupted, and start from scratch"),
  help: `Restarts one host at a time: pullers and radar servers first, then brokers, the host with the virtual IP last. Before each host the system must be
healthy, and every queue must be able to work without the host. The virtual IP moves away first, and back afterwards. The command stops at the first host
after which the system does not recover in time, and reports the problem. Run the same command again to continue, even after a kill: nothing is restarted
twice. Ctrl-C stops after the current host; a second one stops at once, while the host finishes its current command.
--json: {ok, finding: {host, id, step, evidence, remedy} | null, turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all restarted and healthy, 1 stopped half way, 2 a problem was found before, so nothing was done, or the stack file is invalid; 130 Ctrl-C.

  ./warren restart -s op --dry-run
  ./warren restart -s op --only broker
  ./warren restart -s op --only puller --host pds-1,pds-2 --yes`,
};

function readServices(text: string, before: readonly Service[] = []): Service[] {
  return words(text, before).map((word) => {
    const found = services.find((service) => service === word);
    if (found) return found;
    throw new InvalidArgumentError(`unknown service ${word}; expected one of ${services.join(", ")}.`);
  });
}
