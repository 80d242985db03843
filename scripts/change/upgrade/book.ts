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
    changing(waitOption(runbookOptions(command), "for queues to be empty, and for all to recover", 300))
      .option("--to <cluster>", "move the announcements to this cluster, the one in `announcements.beside`")
      .option("--return", "move them back to the cluster that they came from")
      .option("--finish", "let the former cluster go"),
  help: `Without --to, --return and --finish: upgrades RabbitMQ, Erlang, keepalived and the other packages that \`up\` installs to the newest versions of the same
series in each host's archives, one host at a time, with the checks and the order of \`restart\`. All packages are fetched before the first host's turn.
Other packages of the hosts are left alone.

RabbitMQ 3.10 can't be upgraded to 4.0 in place: a node of 4.0 doesn't start on its data. So name a second cluster in the stack file, with hosts of its own,
the same virtual IP, lower priorities, and \`announcements: {broker: OLD, beside: NEW}\`. The command builds it, creates there what clients have on the old
one, tells its dispatchers all that was sent, moves the virtual IP, carries over what is left in queues, and changes the stack file. No product is lost or
sent twice. The old cluster stays ready until --finish; --return goes back in the same way.
If the command is broken off, run it again: it continues where it was. Ctrl-C ends after the current step.
--json: {ok, findings, notes, record, seconds, drained}; of packages {ok, refusals, finding, notes?, turns: [{host, packages: [{name, from, to}], units, outcome}]}
Exit codes: 0 done, or nothing to do, 1 stopped half way, 2 something was wrong before, and nothing was done, or afterwards, which is reported; 130 Ctrl-C.

  ./warren upgrade -s op --dry-run
  ./warren upgrade -s op
  ./warren upgrade -s op --to heron --dry-run
  ./warren upgrade -s op --to heron
  ./warren upgrade -s op --return
  ./warren upgrade -s op --finish`,
};
