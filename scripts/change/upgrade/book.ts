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
    changing(
      waitOption(runbookOptions(command), "time limit for queues to drain, and again for the system to recover", 300),
    )
      .option("--to <cluster>", "move the announcements to this cluster, the one named in `announcements.beside`")
      .option("--return", "move the announcements back to the previous cluster")
      .option("--finish", "release the previous cluster"),
  help: `Without --to, --return and --finish: upgrades RabbitMQ, Erlang, keepalived and the other packages that \`up\` installs to the newest version of the
same series in each host's archives, one host at a time, with the checks and the order of \`restart\`. All packages are downloaded before the first host's
turn. Other packages of the hosts are not changed.

RabbitMQ 3.10 can't be upgraded to 4.0 in place: a 4.0 node does not start on 3.10 data. Define a second cluster in the stack file instead, with its own
hosts, the same virtual IP, lower priorities, and \`announcements: {broker: OLD, beside: NEW}\`. The command builds it, copies the clients' definitions to it,
passes to its dispatchers everything that was sent, moves the virtual IP, carries over the messages left in queues, and updates the stack file. No product
is lost or sent twice. The old cluster stays ready until --finish; --return moves back in the same way.
If the command is interrupted, run it again to continue. Ctrl-C stops after the current step.
--json: {ok, findings, notes, record, seconds, drained}; for packages {ok, refusals, finding, notes?, turns: [{host, packages: [{name, from, to}], units, outcome}]}
Exit codes: 0 done, or nothing to do, 1 stopped half way, 2 a problem was found before, so nothing was done, or afterwards, which is reported; 130 Ctrl-C.

  ./warren upgrade -s op --dry-run
  ./warren upgrade -s op
  ./warren upgrade -s op --to heron --dry-run
  ./warren upgrade -s op --to heron
  ./warren upgrade -s op --return
  ./warren upgrade -s op --finish`,
};
