import { join, relative } from "node:path";
import { checkout } from "../engine/places.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { bytesText } from "../lib/bytes.ts";
import { wantsColor } from "../lib/color.ts";
import { exitFindings } from "../lib/options.ts";
import { type BackupFlags, backupBook } from "./backup/book.ts";
import { openBackup, writeBackup } from "./backup/file.ts";
import { gather } from "./backup/gather.ts";
import { formatManifest } from "./backup/report.ts";
import { passphraseOf } from "./backup/secrets.ts";
import { type Report, runbook } from "./runbook.ts";

/** `./warren backup -s STACK`: everything that config and hosts alone can't recreate, in one encrypted file. */
export const { define } = runbook<BackupFlags>(backupBook, async ({ stack, flags, signal }) => {
  const shown = flags.list ?? flags.verify;
  if (shown !== undefined) return show(shown, flags);
  requireConfig(stack);
  const passphrase = await passphraseOf(stack, flags.passphraseFile);
  const content = await gather(stack, await readStackConfig(stack), signal);
  const file = flags.to ?? join(checkout, ".warren/backups", defaultName(stack, content.createdAt));
  const { manifest, bytes } = await writeBackup(file, content, passphrase);
  const place = flags.to ?? relative(process.cwd(), file);
  const text = `${formatManifest(manifest, new Date(), wantsColor(process.stdout))}${place}, ${bytesText(bytes)}\n`;
  return { json: { file, bytes, manifest }, text, exitCode: manifest.missing.length > 0 ? exitFindings : 0 };
});

/** Names sort by time. */
const defaultName = (stack: string, createdAt: string): string =>
  `${stack.split("/").at(-1)}-${createdAt.replace(/[-:]|\.\d+/g, "")}.backup`;

async function show(file: string, flags: BackupFlags): Promise<Report> {
  const opened = await openBackup(file, (stack) => passphraseOf(stack, flags.passphraseFile));
  const { manifest, bytes } = opened;
  const checked = flags.verify === undefined ? undefined : await opened.verify();
  const faults = (checked ?? []).filter(({ fault }) => fault !== undefined);
  const lines = faults.map(({ name, fault }) => `✗ ${name} ${fault}\n`);
  if (checked && faults.length === 0) lines.push(`all ${checked.length} parts are intact\n`);
  return {
    json: { file, bytes, manifest, ...(checked ? { faults } : {}) },
    text: `${formatManifest(manifest, new Date(), wantsColor(process.stdout))}${lines.join("")}`,
    exitCode: faults.length > 0 || manifest.missing.length > 0 ? exitFindings : 0,
  };
}
