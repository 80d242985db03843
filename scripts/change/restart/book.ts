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
    changing(waitOption(runbookOptions(command), "for all to be whole again after a host", 300))
      .option("--host <names>", "only these, with commas between them", words)
      .option("--only <services>", `only these of ${services.join(", ")}`, readServices)
      .option("--again", "begin anew, though an earlier restart was broken off"),
  help: `One host at a time: pullers' and radar servers' first, then brokers, the host with the virtual IP last. Before each host all has to be whole, and each
queue able to go on without it; the virtual IP is moved away first, and let back afterwards. After each host all has to be whole again in time; at the
first where it isn't it stops, and says what is lacking. The same command goes on, also after a kill: what was restarted is not restarted again.
Ctrl-C ends after the host whose turn it is; once more ends at once, and what a host was told it brings to its end.
--json: {ok, finding: {host, id, step, evidence, remedy} | null, turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all restarted and whole, 1 stopped half way, 2 something is wrong before, and nothing was done, or the stack file is wrong; 130 Ctrl-C.

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
