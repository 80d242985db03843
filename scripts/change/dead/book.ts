import { Argument, type Command } from "commander";
import { stackLogFile } from "../../engine/stack-log.ts";
import { acceptNewHostsOption, runbookOptions, wholeNumber } from "../../lib/options.ts";
import type { Book } from "../runbook.ts";
import { lettersMost } from "./dead-queue.ts";
import type { SettleVerb } from "./do.ts";
import type { Selection } from "./select.ts";

export interface DeadFlags extends Omit<Selection, "id"> {
  readonly broker?: string;
  readonly atMost: number;
  readonly all?: true;
}

const exitCodes = {
  list: "Exit codes: 0 no dead letters, 1 a broker can't be read, 2 there are dead letters.",
  show: "Exit codes: 0 shown, 1 a broker can't be read, 2 no message matches.",
  settle:
    "Exit codes: 0 done, 1 interrupted or a broker can't be reached, 2 some messages stay in the queue, or no message matches.",
};

const bounds = `Reads each broker's queue from the oldest message on and removes nothing. Control characters in messages are escaped, and long texts are cut.`;

const atMostDefault = 1000;

const options = (command: Command): Command =>
  runbookOptions(command)
    .option("--broker <name>", "only this broker (default: all brokers of the stack)")
    .option(
      "--at-most <number>",
      "messages to read from each queue at most",
      wholeNumber(1, lettersMost),
      atMostDefault,
    );

const selecting = (command: Command): Command =>
  options(command)
    .addArgument(new Argument("[id]", "id of a message, or the beginning of it"))
    .option("--agent <name>", "only messages that this agent dead-lettered; unknown: no agent did")
    .option("--reason <text>", "only messages with this text in the reason")
    .option("--match <text>", "only messages with this text in the key, headers or body");

const settling = (verb: SettleVerb, summary: string, help: string): Book => ({
  verb: `dead ${verb}`,
  // A broker delivers a message to one consumer only.
  lockless: () => true,
  options: (command) =>
    selecting(command.command(verb).description(summary))
      .option("--all", "all messages that are read")
      .option("-y, --yes", "don't ask for confirmation")
      .option(...acceptNewHostsOption),
  interrupted: ({ stack }) => ({
    first: "stopping after the messages in flight; press Ctrl-C again to stop at once",
    second: () =>
      `stopped; messages that were not finished are still in the dead-letter queue; the log is ${stackLogFile("dead-letters", stack)}`,
  }),
  help,
});

export const listBook: Book = {
  verb: "dead list",
  lockless: () => true,
  options: (command) => options(command.command("list").description("count messages by agent, reason and queue")),
  help: `${bounds}\n${exitCodes.list}\n\n  ./warren dead list -s op\n  ./warren dead list -s op --json`,
};

export const showBook: Book = {
  verb: "dead show",
  lockless: () => true,
  options: (command) =>
    selecting(command.command("show").description("print each message: time, agent, reason, key, headers, body")),
  help: `${bounds}\n${exitCodes.show}\n\n  ./warren dead show -s op --agent puller\n  ./warren dead show 3fa2b1c09d77 -s op`,
};

export const replayBook = settling(
  "replay",
  "publish messages again to where they came from",
  `Publishes each message to its original exchange with its original key, unchanged, and removes it from the dead-letter queue when the broker has confirmed
it. If the command is interrupted in between, a message is in both queues and the next run sends it again: agents drop duplicates. A message stays if the
stack's agents do not read from its exchange at that broker, or if no queue is bound for it.
${exitCodes.settle}

  ./warren dead replay 3fa2b1c09d77 -s op
  ./warren dead replay -s op --agent puller --reason 404 --yes`,
);

export const dropBook = settling(
  "drop",
  "delete messages for good",
  `For each dropped message, the key, the reason and the beginning of the body are written to a log, whose path is printed at the end.
${exitCodes.settle}

  ./warren dead drop -s op --agent dispatcher --match 'no announcement'
  ./warren dead drop -s op --all`,
);

export const selectionOf = (id: string | undefined, { agent, reason, match }: DeadFlags): Selection => ({
  ...(id === undefined ? {} : { id }),
  ...(agent === undefined ? {} : { agent }),
  ...(reason === undefined ? {} : { reason }),
  ...(match === undefined ? {} : { match }),
});
