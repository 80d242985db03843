import { Argument, type Command, InvalidArgumentError } from "commander";
import { stackLogFile } from "../../engine/stack-log.ts";
import { runbookOptions } from "../../lib/options.ts";
import type { Book } from "../runbook.ts";
import { lettersMost } from "./dead-queue.ts";
import type { Doing } from "./do.ts";
import type { Selection } from "./select.ts";

export interface DeadFlags extends Omit<Selection, "id"> {
  readonly broker?: string;
  readonly atMost: number;
  readonly all?: true;
}

const exitCodes = {
  list: "Exit codes: 0 there are none, 1 a broker can't be read, 2 there are some.",
  show: "Exit codes: 0 shown, 1 a broker can't be read, 2 none matches.",
  settle:
    "Exit codes: 0 done, 1 broken off or a broker can't be reached, 2 some stay in the queue, which is reported, or none matches.",
};

const bounds = `Reads each broker's queue from its oldest message on. Nothing leaves the queue. Control characters in messages are written out, and long texts are cut.`;

const atMostDefault = 1000;

const options = (command: Command): Command =>
  runbookOptions(command)
    .option("--broker <name>", "one broker of the stack; all of them unless given")
    .option("--at-most <number>", "read at most so many messages of each queue", count, atMostDefault);

const selecting = (command: Command): Command =>
  options(command)
    .addArgument(new Argument("[id]", "id of one message, or its beginning"))
    .option("--agent <name>", "messages that this agent dead-lettered; unknown: those that no agent did")
    .option("--reason <text>", "messages with this text in their reason")
    .option("--match <text>", "messages with this text in their key, headers or body");

const settling = (verb: Doing, summary: string, help: string): Book => ({
  verb: `dead ${verb}`,
  // Brokers give a message to one alone.
  lockless: () => true,
  options: (command) =>
    selecting(command.command(verb).description(summary))
      .option("--all", "all messages that were read")
      .option("-y, --yes", "don't ask"),
  interrupted: ({ stack }) => ({
    first: "ending with what is under way; once more ends at once",
    second: () =>
      `ended; what had not left the dead-letter queue is there; the log is ${stackLogFile("dead-letters", stack)}`,
  }),
  help,
});

export const listBook: Book = {
  verb: "dead list",
  lockless: () => true,
  options: (command) => options(command.command("list").description("how many, by agent, reason and queue")),
  help: `${bounds}\n${exitCodes.list}\n\n  ./warren dead list -s op\n  ./warren dead list -s op --json`,
};

export const showBook: Book = {
  verb: "dead show",
  lockless: () => true,
  options: (command) =>
    selecting(command.command("show").description("each message: time, agent, reason, key, headers, body")),
  help: `${bounds}\n${exitCodes.show}\n\n  ./warren dead show -s op --agent puller\n  ./warren dead show 3fa2b1c09d77 -s op`,
};

export const replayBook = settling(
  "replay",
  "publish messages again where they came from",
  `Publishes each message to its exchange with its key, unchanged. When the broker has confirmed it, the message leaves the dead-letter queue. If the command
is broken off in between, a message is in both queues, and the next run sends it again: agents drop what they know. A message stays if its exchange is none
that the stack's agents read at that broker, or if no queue takes it.
${exitCodes.settle}

  ./warren dead replay 3fa2b1c09d77 -s op
  ./warren dead replay -s op --agent puller --reason 404 --yes`,
);

export const dropBook = settling(
  "drop",
  "delete messages for good",
  `The log that the command names at its end keeps the key, the reason and the beginning of the body of each dropped message.
${exitCodes.settle}

  ./warren dead drop -s op --agent dispatcher --match 'no announcement'
  ./warren dead drop -s op --all`,
);

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= lettersMost) return value;
  throw new InvalidArgumentError(`a whole number from 1 to ${lettersMost} is expected.`);
}

export const selectionOf = (id: string | undefined, { agent, reason, match }: DeadFlags): Selection => ({
  ...(id === undefined ? {} : { id }),
  ...(agent === undefined ? {} : { agent }),
  ...(reason === undefined ? {} : { reason }),
  ...(match === undefined ? {} : { match }),
});
