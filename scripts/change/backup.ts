import { join, relative } from "node:path";
import type { Command } from "commander";
import { checkout } from "../engine/places.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { wantsColor } from "../lib/color.ts";
import { interruptibleWithin } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { openBackup, writeBackup } from "./backup/file.ts";
import { gather } from "./backup/gather.ts";
import { bytesText, formatManifest } from "./backup/report.ts";
import { passphraseOf } from "./backup/secrets.ts";

interface Flags extends RunbookFlags {
  readonly to?: string;
  readonly list?: string;
  readonly verify?: string;
  readonly passphraseFile?: string;
  readonly timeout: number;
}

const timeoutSecondsDefault = 600;

/** `./warren backup -s STACK`: what can't be made again from config and hosts alone, in one encrypted file. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--to <file>", "write it there; .warren/backups/STACK-TIME.backup unless given")
    .option("--list <file>", "say what is in a backup, by its manifest")
    .option("--verify <file>", "the same, and read every part and hold it to its sha256; no host is asked")
    .option("--passphrase-file <file>", "another passphrase than the stack's own")
    .option("--timeout <seconds>", "give up after that", seconds, timeoutSecondsDefault)
    .addHelpText(
      "after",
      `
In it: the definitions of every broker with the hashes of passwords, the engine's state, the journal of each dispatcher, fingerprints
of the stack's secrets, versions, and a manifest with the sha256 of every part. Not in it: the config and its secrets, which are in
stacks/ and in your safe, and messages in queues. It is a tar archive, encrypted by age with the stack's passphrase: without that
passphrase a backup is worth nothing, so keep both, apart from each other. Hosts and brokers go on meanwhile; nothing on them changes.
Exit codes: 0 good, 1 could not be done, 2 something is missing in the backup, which is said and written into it, or a part is damaged.

  ./warren backup -s op
  ./warren backup -s op --to /srv/backup/op.backup
  ./warren backup --verify /srv/backup/op.backup`,
    )
    .action(backup);
}

async function backup(flags: Flags): Promise<void> {
  const shown = flags.list ?? flags.verify;
  if (shown !== undefined) return await show(shown, flags);
  const stack = stackOf(flags, "backup");
  requireConfig(stack);
  const passphrase = await passphraseOf(stack, flags.passphraseFile);
  const texts = {
    second: () => "no backup was written",
    brokenOff: "broken off, nothing was written",
    late: { more: ", and not written", remedy: "give it more: --timeout" },
  };
  await interruptibleWithin({ verb: "backup", timeoutSeconds: flags.timeout, ...texts }, async (signal) => {
    const content = await gather(stack, await readStackConfig(stack), signal);
    const file = flags.to ?? join(checkout, ".warren/backups", defaultName(stack, content.createdAt));
    const { manifest, bytes } = await writeBackup(file, content, passphrase);
    if (manifest.missing.length > 0) process.exitCode = exitFindings;
    const place = flags.to ?? relative(process.cwd(), file);
    if (flags.json) process.stdout.write(toJson({ file, bytes, manifest }));
    else {
      const text = formatManifest(manifest, new Date(), wantsColor(process.stdout));
      process.stdout.write(`${text}${place}, ${bytesText(bytes)}\n`);
    }
  });
}

/** Names sort by time. */
const defaultName = (stack: string, createdAt: string): string =>
  `${stack.split("/").at(-1)}-${createdAt.replace(/[-:]|\.\d+/g, "")}.backup`;

async function show(file: string, flags: Flags): Promise<void> {
  const opened = await openBackup(file, (stack) => passphraseOf(stack, flags.passphraseFile));
  const { manifest, bytes } = opened;
  const checked = flags.verify === undefined ? undefined : await opened.verify();
  const faults = (checked ?? []).filter(({ fault }) => fault !== undefined);
  if (faults.length > 0 || manifest.missing.length > 0) process.exitCode = exitFindings;
  if (flags.json) {
    process.stdout.write(toJson({ file, bytes, manifest, ...(checked ? { faults } : {}) }));
    return;
  }
  process.stdout.write(formatManifest(manifest, new Date(), wantsColor(process.stdout)));
  for (const { name, fault } of faults) process.stdout.write(`✗ ${name} ${fault}\n`);
  if (checked && faults.length === 0) process.stdout.write(`all ${checked.length} parts are whole\n`);
}
