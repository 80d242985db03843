import { relative } from "node:path";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { checkout } from "../engine/places.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf } from "../lib/options.ts";
import { type DeadQueues, openDeadQueues } from "./dead/brokers.ts";
import { lettersMost } from "./dead/dead-queue.ts";
import { type Doing, settleAll } from "./dead/do.ts";
import { formatLetter, formatList, letterJson, lookedAt, silentText, toPrintableJson } from "./dead/report.ts";
import { groupLetters, type Selection } from "./dead/select.ts";
import { type Survey, survey } from "./dead/settle.ts";

interface Flags extends RunbookFlags, Omit<Selection, "id"> {
  readonly broker?: string;
  readonly atMost: number;
  readonly all?: true;
  readonly yes?: true;
}

const atMostDefault = 1000;

const exitCodes = {
  list: "Exit codes: 0 there are none, 1 a broker can't be looked at, 2 there are some.",
  show: "Exit codes: 0 shown, 1 a broker can't be looked at, 2 there is none such.",
  settle:
    "Exit codes: 0 done, 1 broken off or a broker can't be reached, 2 some stay in the queue, which is said, or there is none such.",
};

const bounds = `
A broker's queue is looked at from its oldest message on. Nothing leaves it meanwhile. Texts of strangers are shown with what could turn a terminal
written out, and cut.`;

/** `./warren dead list|show|replay|drop -s STACK`: the dead-letter queues of a stack's brokers. */
export function define(command: Command): void {
  command.addHelpText(
    "after",
    `
  ./warren dead list -s op
  ./warren dead replay -s op --agent puller`,
  );
  options(command.command("list").description("how many, by agent, reason and queue"))
    .addHelpText(
      "after",
      `${bounds}\n${exitCodes.list}\n\n  ./warren dead list -s op\n  ./warren dead list -s op --json`,
    )
    .action(runList);
  selecting(options(command.command("show").description("each message: time, agent, reason, key, headers, body")))
    .addHelpText(
      "after",
      `${bounds}\n${exitCodes.show}\n\n  ./warren dead show -s op --agent puller\n  ./warren dead show 3fa2b1c09d77 -s op`,
    )
    .action(runShow);
  settling(command.command("replay").description("back to where they came from"), "replay").addHelpText(
    "after",
    `
Published to its exchange under its key, as it was before; when the broker has confirmed that, it leaves the dead-letter queue. Where that is broken off in
between, a message is in both, and the same command sends it once more: agents drop what they know. What names no exchange that agents of
the stack read at that broker, or finds no queue there, stays.
${exitCodes.settle}

  ./warren dead replay 3fa2b1c09d77 -s op
  ./warren dead replay -s op --agent puller --reason 404 --yes`,
  );
  settling(command.command("drop").description("away, for good"), "drop").addHelpText(
    "after",
    `
What is dropped is in the log that is named at the end: key, reason, the beginning of its body.
${exitCodes.settle}

  ./warren dead drop -s op --agent dispatcher --match 'no announcement'
  ./warren dead drop -s op --all`,
  );
}

const options = (command: Command): Command =>
  runbookOptions(command)
    .option("--broker <name>", "one broker of the stack; all of them unless given")
    .option("--at-most <number>", "look at so many messages of each queue", count, atMostDefault);

const selecting = (command: Command): Command =>
  command
    .addArgument(new Argument("[id]", "of one message, or its beginning"))
    .option("--agent <name>", "those of an agent; unknown: those that no agent put there")
    .option("--reason <text>", "those with this in their reason")
    .option("--match <text>", "those with this in their key, headers or body");

const settling = (command: Command, verb: Doing): Command =>
  selecting(options(command))
    .option("--all", "all that were looked at")
    .option("-y, --yes", "without asking")
    .action((id: string | undefined, flags: Flags) => runSettle(verb, id, flags));

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= lettersMost) return value;
  throw new InvalidArgumentError(`a whole number from 1 to ${lettersMost} is expected.`);
}

const selectionOf = (id: string | undefined, { agent, reason, match }: Flags): Selection => ({
  ...(id === undefined ? {} : { id }),
  ...(agent === undefined ? {} : { agent }),
  ...(reason === undefined ? {} : { reason }),
  ...(match === undefined ? {} : { match }),
});

/** Opens the queues, and closes them after. What can't be looked at makes exit code 1. */
async function withQueues(
  verb: string,
  flags: Flags,
  work: (stack: string, found: DeadQueues) => Promise<void>,
): Promise<void> {
  const stack = stackOf(flags, `dead ${verb}`);
  const found = await openDeadQueues(stack, flags.broker);
  try {
    if (found.queues.length === 0 && found.silent.length === 0) {
      const which =
        flags.broker === undefined
          ? "no broker of it has a dead-letter queue"
          : `${flags.broker} is no broker of it, or has no dead-letter queue`;
      throw new UserError(`stack ${stack}`, which, "agents declare it when they connect: ./warren verify");
    }
    await work(stack, found);
    if (found.silent.length > 0) process.exitCode ||= 1;
  } finally {
    await found.close();
  }
}

const surveyAll = ({ queues }: DeadQueues, selection: Selection, { atMost }: Flags): Promise<Survey[]> =>
  Promise.all(queues.map((queue) => survey(queue, selection, atMost)));

const lettersOf = (surveys: readonly Survey[]) => surveys.flatMap(({ letters }) => letters);

/** For `--json`: what was looked at. */
const queuesJson = (surveys: readonly Survey[], { silent }: DeadQueues) => ({
  queues: surveys.map(({ broker, seen, of }) => ({ broker, seen, of })),
  silent,
});

async function runList(flags: Flags): Promise<void> {
  await withQueues("list", flags, async (_, found) => {
    const surveys = await surveyAll(found, {}, flags);
    if (surveys.some(({ of }) => of > 0)) process.exitCode = exitFindings;
    if (!flags.json) {
      process.stdout.write(formatList(surveys, found.silent, Date.now()));
      return;
    }
    const groups = groupLetters(lettersOf(surveys)).map(({ oldestMs, ...group }) => ({
      ...group,
      ...(oldestMs === undefined ? {} : { oldest: new Date(oldestMs).toISOString() }),
    }));
    process.stdout.write(toPrintableJson({ groups, ...queuesJson(surveys, found) }));
  });
}

async function runShow(id: string | undefined, flags: Flags): Promise<void> {
  await withQueues("show", flags, async (_, found) => {
    const surveys = await surveyAll(found, selectionOf(id, flags), flags);
    const letters = lettersOf(surveys);
    if (letters.length === 0) process.exitCode = exitFindings;
    if (flags.json) {
      process.stdout.write(toPrintableJson({ letters: letters.map(letterJson), ...queuesJson(surveys, found) }));
      return;
    }
    const lines = [...surveys.map(lookedAt), ...found.silent.map(silentText)];
    process.stdout.write([...letters.map(formatLetter), ...lines, ""].join("\n"));
  });
}

async function runSettle(verb: Doing, id: string | undefined, flags: Flags): Promise<void> {
  const selection = selectionOf(id, flags);
  if (Object.keys(selection).length === 0 && !flags.all) {
    throw new UserError(
      `dead ${verb}`,
      "which messages is not said",
      "give an id, --agent, --reason or --match, or --all",
    );
  }
  await withQueues(verb, flags, async (stack, found) => {
    const surveys = await surveyAll(found, selection, flags);
    if (!flags.json) for (const one of surveys) process.stderr.write(`${lookedAt(one)}\n`);
    for (const one of found.silent) process.stderr.write(`${silentText(one)}\n`);
    const done = await settleAll({ verb, stack, selection, surveys, queues: found.queues, yes: flags.yes });
    // A Ctrl-C has one of its own.
    process.exitCode ||= done.exitCode;
    if (flags.json) process.stdout.write(toPrintableJson({ ...done.results, ...queuesJson(surveys, found) }));
    else process.stdout.write(`${done.text}${done.logFile ? `log: ${relative(checkout, done.logFile)}\n` : ""}`);
  });
}
