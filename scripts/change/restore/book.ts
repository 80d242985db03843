import { runbookOptions } from "../../lib/options.ts";
import { type Book, changing, timeoutOption } from "../runbook.ts";

export interface RestoreFlags {
  readonly from?: string;
  readonly yesOverMessages?: true;
  readonly passphraseFile?: string;
}

export const restoreBook: Book = {
  verb: "restore",
  asksLate: true,
  options: (command) =>
    timeoutOption(changing(runbookOptions(command)), 1800)
      .option("--from <file>", "the backup")
      .option("--yes-over-messages", "although a broker holds messages; none of them is deleted")
      .option("--passphrase-file <file>", "of the backup, if it isn't the stack's own"),
  help: `Shows what is in the backup, what is there now and what it will do, and asks. Then it restores the engine's state (on bare hosts only the CA in it), and
the dispatchers' journals before any dispatcher starts, runs \`up\`, restores the definitions that the config doesn't declare (clients' queues, bindings,
users), and checks that products can flow. Config and secrets are those of this checkout, not those of the backup.
If it is broken off, run it again: it continues where it was.
Exit codes: 0 products can flow, 1 could not be done, 2 something is missing or broken afterwards, which is reported.

  ./warren restore -s op --from /srv/backup/op.backup --dry-run
  ./warren restore -s op --from /srv/backup/op.backup`,
};
