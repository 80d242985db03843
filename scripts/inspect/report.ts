import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { deliveryPlaces } from "../../infra/model/delivery.ts";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { formatMarkdown } from "./report/markdown.ts";
import { readMonth, reportOf } from "./report/month.ts";
import { formatPage } from "./report/page.ts";
import { askHistory } from "./snapshot/ask-auditors.ts";

interface Flags extends RunbookFlags {
  readonly month?: string;
  readonly html?: string;
}

/** `./warren report -s STACK`: a month's availability, latency, error budget and incidents. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--month <month>", "the month in UTC, e.g. 2026-11; default: the current one")
    .option("--html <file>", "also write the report as one page that needs nothing else")
    .addHelpText(
      "after",
      `
Prints Markdown. The figures come from the auditors on the monitor hosts, which keep hours and alerts for 400 days. With two monitors, of each hour the
record with the shorter gap counts. Time to notice: from the start of an alert's condition to its notification; to repair: from there to its end.
Public data servers: time to deliver is from a file's last change on px until it is complete there; hours without figures in Prometheus are unknown.
Exit codes: 0 done, 1 failed, 2 a monitor could not be asked.

  ./warren report -s op --month 2026-11
  ./warren report -s op --month 2026-11 --html november.html`,
    )
    .action(runReport);
}

async function runReport(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "report");
  const month = readMonth(flags.month, Date.now());
  const config = readCommittedConfig(stack);
  const reach = await openHosts(stack, config);
  const answers = await askHistory(reach, config, month.fromMs, month.toMs);
  const histories = answers.flatMap((one) => ("answer" in one ? [one.answer] : []));
  const unreachable = answers.flatMap((one) => ("unreachable" in one ? [`${one.host}: ${one.unreachable}`] : []));
  if (histories.length === 0) {
    throw new UserError("report", `no auditor answers: ${unreachable.join("; ")}`, `see ./warren verify -s ${stack}`);
  }
  for (const why of unreachable) {
    process.stderr.write(`warren: can't be asked: ${why}\n`);
    process.exitCode = exitFindings;
  }
  const report = reportOf(stack, month, histories, deliveryPlaces(config).length > 0);
  if (flags.html !== undefined) await writeFileAtomic(flags.html, formatPage(report));
  process.stdout.write(flags.json ? toJson(report) : formatMarkdown(report));
}
