import { access } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { runLabJob } from "./job.ts";
import { labOption } from "./spec.ts";
import { labSpec } from "./stack.ts";
import { defineLabVerbs, labOptions } from "./verbs.ts";

interface Options {
  readonly name: string;
  readonly stack?: string;
  readonly count: number;
  readonly rate: number;
  readonly seed: number;
  readonly product?: string[];
  readonly json?: string;
}

/** `./warren lab`: real hosts, a real `pulumi up`, products through them, counted one by one. */
export function define(command: Command): void {
  labOptions(command)
    .enablePositionalOptions()
    .option("--count <products>", "products to send, each from both radar servers", whole(1, 100_000), 400)
    .option("--rate <per second>", "products a second", whole(1, 1000), 20)
    .option("--seed <number>", "the same seed gives the same products", whole(0, 2 ** 31 - 1), 1)
    .option("--product <files...>", "send these files instead, through hosts that are up already")
    .option("--json <file>", "write the table as JSON")
    .addHelpText(
      "after",
      `
Without a subcommand: brings the Pulumi engine, makes Debian hosts (two radar servers, brokers with a virtual IP, five
pullers; in stack lab also px, a public data server and a client of it), provisions them by a real pulumi up, sends
products down both roads, a quarter as many to the public, and counts every one. The hosts stay up.
Needs root on Debian or Ubuntu. Exit code 0: everything came through once and whole; 1: not.

  ./warren lab                        the whole of it: Debian 12, two brokers of RabbitMQ 3.10, the public road
  ./warren lab -s lab4                the road to the pullers on Debian 13, three brokers of RabbitMQ 4.0
  ./warren lab --product storm.png    your own file, through the same hosts
  ./warren lab down                   take the hosts away`,
    )
    .action(async (options: Options) => {
      const files = options.product ?? [];
      await Promise.all(files.map(readable));
      const second = () => `left as it is; ./warren lab${labOption(options.name)} down takes it down`;
      await interruptibleTwice({ verb: "lab", second }, async (signal) => {
        const { name, stack, count, rate, seed, json } = options;
        const good = await runLabJob({ name, stack, count, ratePerSecond: rate, seed, files, json, signal });
        if (!good) process.exitCode = 1;
      });
    });
  defineLabVerbs(command, { specOf: labSpec });
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected.`);
  };
}

async function readable(file: string): Promise<void> {
  await access(file).catch((error: Error) => {
    throw new UserError(file, `can't be read: ${error.message}`, "give the path of a file", { cause: error });
  });
}
