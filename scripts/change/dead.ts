import { relative } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { checkout } from "../engine/places.ts";
import { exitFindings } from "../lib/options.ts";
import { type DeadFlags, dropBook, listBook, replayBook, selectionOf, showBook } from "./dead/book.ts";
import { messages, nothingSelected, planSettle, type SettleVerb, settleAll } from "./dead/do.ts";
import { formatLetter, formatList, formatPlan, letterJson, printable, silentText, surveyText } from "./dead/report.ts";
import { groupsJson } from "./dead/select.ts";
import { surveyAll } from "./dead/survey-all.ts";
import { type Plan, type Report, type Run, runbook } from "./runbook.ts";

const list = runbook<DeadFlags>(listBook, async (run) => {
  const { surveys, letters, silent, queues, exitCode } = await surveyAll(run, {});
  const found = surveys.some(({ of }) => of > 0) ? exitFindings : exitCode;
  const json = printable({ groups: groupsJson(letters), queues, silent });
  return { json, text: formatList(surveys, silent, Date.now()), exitCode: found };
});

const show = runbook<DeadFlags, [string | undefined]>(showBook, async (run) => {
  const { surveys, letters, silent, queues, exitCode } = await surveyAll(run, selectionOf(run.words[0], run.flags));
  const lines = [...letters.map(formatLetter), ...surveys.map(surveyText), ...silent.map(silentText), ""];
  const json = printable({ letters: letters.map(letterJson), queues, silent });
  return { json, text: lines.join("\n"), exitCode: letters.length === 0 ? exitFindings : exitCode };
});

const settling =
  (verb: SettleVerb) =>
  async (run: Run<DeadFlags, [string | undefined]>): Promise<Plan | Report> => {
    const { stack, flags, signal } = run;
    const selection = selectionOf(run.words[0], flags);
    if (Object.keys(selection).length === 0 && !flags.all) {
      const remedy = "give an id, --agent, --reason or --match, or --all";
      throw new UserError(`dead ${verb}`, "no messages selected", remedy);
    }
    const { surveys, letters, silent, queues, open, exitCode } = await surveyAll(run, selection);
    const notes = [...(flags.json ? [] : surveys.map(surveyText)), ...silent.map(silentText)];
    for (const line of notes) process.stderr.write(`${line}\n`);
    const task = { verb, stack, selection, surveys, queues: open };
    const planned = await planSettle(task);
    const report = ({ results, text, logFile, exitCode: own }: Awaited<ReturnType<typeof settleAll>>): Report => ({
      json: printable({ ...results, queues, silent }),
      text: `${text}${logFile ? `log: ${relative(checkout, logFile)}\n` : ""}`,
      exitCode: own || exitCode,
    });
    if (planned.selected.length === 0) return report(nothingSelected(letters, planned));
    return {
      text: formatPlan(letters, planned.refused),
      question: `${verb} ${messages(planned.selected.length)}`,
      work: async () => report(await settleAll(task, planned, signal)),
    };
  };

/** `./warren dead list|show|replay|drop -s STACK`: the dead-letter queues of a stack's brokers. */
export function define(command: Command): void {
  command.addHelpText("after", "\n  ./warren dead list -s op\n  ./warren dead replay -s op --agent puller");
  for (const one of [list, show, runbook(replayBook, settling("replay")), runbook(dropBook, settling("drop"))])
    one.define(command);
}
