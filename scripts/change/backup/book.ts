import { runbookOptions, stackOf } from "../../lib/options.ts";
import { type Book, timeoutOption } from "../runbook.ts";

export interface BackupFlags {
  readonly to?: string;
  readonly list?: string;
  readonly verify?: string;
  readonly passphraseFile?: string;
}

export const backupBook: Book = {
  verb: "backup",
  lockless: () => true,
  // A backup names its stack in its manifest.
  stackOf: (flags, verb) => ("list" in flags || "verify" in flags ? "" : stackOf(flags, verb)),
  options: (command) =>
    timeoutOption(runbookOptions(command), 600, "give up after this time")
      .option("--to <file>", "file to write (default: .warren/backups/STACK-TIME.backup)")
      .option("--list <file>", "print the manifest of a backup")
      .option("--verify <file>", "print the manifest and check the sha256 of every part; contacts no host")
      .option("--passphrase-file <file>", "file with the passphrase, instead of the stack's own passphrase"),
  interrupted: () => ({
    second: () => "no backup was written",
    brokenOff: "interrupted; no backup was written",
    late: { more: ", and was not written", remedy: "allow more time with --timeout" },
  }),
  help: `Writes one encrypted file with everything that config and hosts alone can't recreate: the definitions of every broker with password hashes, the
engine's state, the journal of each dispatcher, fingerprints of the stack's secrets, versions, and a manifest with the sha256 of every part.
Not included: the config and its secrets, which are in stacks/ and in your safe, and messages in queues.
The file is a tar archive, encrypted by age with the stack's passphrase. Without the passphrase the backup is useless: keep both, in different places.
Hosts and brokers keep running, and nothing on them changes.
Exit codes: 0 complete, 1 failed, 2 the backup is incomplete, as its manifest says, or a part is damaged.

  ./warren backup -s op
  ./warren backup -s op --to /srv/backup/op.backup
  ./warren backup --verify /srv/backup/op.backup`,
};
