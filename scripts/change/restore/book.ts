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
      .option("--from <file>", "backup to restore from")
      .option("--yes-over-messages", "restore even if a broker holds messages; none is deleted")
      .option("--passphrase-file <file>", "file with the backup's passphrase, if it is not the stack's own"),
  help: `Prints what is in the backup, what exists now and what it will do, and asks for confirmation. Then it restores the engine's state (on bare hosts
only the CA), puts back the dispatchers' journals before any dispatcher starts, runs \`up\`, imports the definitions that the config doesn't declare
(clients' queues, bindings, users), and checks that products can flow. Config and secrets are taken from this checkout, not from the backup.
If it is interrupted, run it again to continue.
Exit codes: 0 products can flow, 1 failed, 2 something is missing or broken afterwards, which is reported.

  ./warren restore -s op --from /srv/backup/op.backup --dry-run
  ./warren restore -s op --from /srv/backup/op.backup`,
};
