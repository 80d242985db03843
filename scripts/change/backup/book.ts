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
  // A backup that is shown says itself of which stack it is.
  stackOf: (flags, verb) => ("list" in flags || "verify" in flags ? "" : stackOf(flags, verb)),
  options: (command) =>
    timeoutOption(runbookOptions(command), 600, "give up after that")
      .option("--to <file>", "write it there; .warren/backups/STACK-TIME.backup unless given")
      .option("--list <file>", "say what is in a backup, by its manifest")
      .option("--verify <file>", "the same, and read every part and hold it to its sha256; no host is asked")
      .option("--passphrase-file <file>", "another passphrase than the stack's own"),
  interrupted: () => ({
    second: () => "no backup was written",
    brokenOff: "broken off, nothing was written",
    late: { more: ", and not written", remedy: "give it more: --timeout" },
  }),
  help: `In it: the definitions of every broker with the hashes of passwords, the engine's state, the journal of each dispatcher, fingerprints
of the stack's secrets, versions, and a manifest with the sha256 of every part. Not in it: the config and its secrets, which are in
stacks/ and in your safe, and messages in queues. It is a tar archive, encrypted by age with the stack's passphrase: without that
passphrase a backup is worth nothing, so keep both, apart from each other. Hosts and brokers go on meanwhile; nothing on them changes.
Exit codes: 0 good, 1 could not be done, 2 something is missing in the backup, which is said and written into it, or a part is damaged.

  ./warren backup -s op
  ./warren backup -s op --to /srv/backup/op.backup
  ./warren backup --verify /srv/backup/op.backup`,
};
