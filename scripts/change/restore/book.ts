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
      .option("--yes-over-messages", "also where a broker holds messages; none of them is deleted")
      .option("--passphrase-file <file>", "of the backup, where it isn't the stack's own"),
  help: `Shows what is in the backup, what is there now, and what will be done; asks; locks the stack. Then: the engine's state (on bare hosts
only the CA in it), the dispatchers' journals, before any dispatcher starts; \`up\`; the definitions that the config doesn't declare
(clients' queues, bindings, users); and a look whether products can flow. Config and secrets of now count, not those of the backup.
Broken off in whatever way, the same command goes on where it was.
Exit codes: 0 products can flow, 1 could not be done, 2 something is missing or broken afterwards, which is said.

  ./warren restore -s op --from /srv/backup/op.backup --dry-run
  ./warren restore -s op --from /srv/backup/op.backup`,
};
