import { runbookOptions } from "../../lib/options.ts";
import { type Book, changing, waitOption } from "../runbook.ts";

export interface UpgradeFlags {
  readonly to?: string;
  readonly return?: true;
  readonly finish?: true;
}

export const upgradeBook: Book = {
  verb: "upgrade",
  asksLate: true,
  options: (command) =>
    changing(waitOption(runbookOptions(command), "for queues to be empty, and for all to be whole", 300))
      .option("--to <cluster>", "the announcements go to this cluster, which stands beside in `announcements.beside`")
      .option("--return", "back to the cluster that they came from")
      .option("--finish", "the cluster beside is let go"),
  help: `Without --to, --return and --finish: RabbitMQ, Erlang, keepalived and what else \`up\` installs go to the newest versions of the same series that each host's
archives have, one host at a time, gated and in the order of \`restart\`. All is fetched before the first host's turn. What other packages need is the host's
own business.

RabbitMQ 3.10 doesn't become 4.0 where it stands: a node of 4.0 doesn't start on its data. So a second cluster is named in the stack file, with hosts of
its own, the same virtual IP, lower priorities, and \`announcements: {broker: OLD, beside: NEW}\`. The command builds it, makes what clients have on the old
one, lets its dispatchers know all that went out, moves the virtual IP, carries over what is left in queues, and changes the stack file. No product is lost or
goes out twice. The old one stays warm until --finish; --return goes back in the same way.
Broken off in whatever way, the same command goes on where it was. Ctrl-C ends after the step that is under way.
--json: {ok, findings, notes, record, seconds, drained}; of packages {ok, refusals, finding, notes?, turns: [{host, packages: [{name, from, to}], units, outcome}]}
Exit codes: 0 done, or nothing to do, 1 stopped half way, 2 something is wrong before, and nothing was done, or afterwards, which is said; 130 Ctrl-C.

  ./warren upgrade -s op --dry-run
  ./warren upgrade -s op
  ./warren upgrade -s op --to heron --dry-run
  ./warren upgrade -s op --to heron
  ./warren upgrade -s op --return
  ./warren upgrade -s op --finish`,
};
