import { access } from "node:fs/promises";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { wholeNumber } from "../lib/options.ts";
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

/** `./warren lab`: starts real hosts, runs a real `pulumi up`, sends products through them and counts each one. */
export function define(command: Command): void {
  labOptions(command)
    .enablePositionalOptions()
    .option(
      "--count <products>",
      "number of products, each announced by both radar servers",
      wholeNumber(1, 100_000),
      400,
    )
    .option("--rate <per second>", "products per second", wholeNumber(1, 1000), 20)
    .option("--seed <number>", "generate the same products again", wholeNumber(0, 2 ** 31 - 1), 1)
    .option("--product <files...>", "send these files instead, through hosts that are already up")
    .option("--json <file>", "print the table as JSON")
    .addHelpText(
      "after",
      `
Without a subcommand: installs the Pulumi engine, starts Debian hosts (two radar servers, brokers with a virtual IP, five
pullers, px, a public data server and a client), provisions them by a real pulumi up, sends products down both
paths, a quarter as many down the public data server path, and counts each one. The hosts stay up.
Needs root on Debian or Ubuntu. Exit code 0: every product arrived once and complete; 1: not.

  ./warren lab                        Debian 12, two brokers with RabbitMQ 3.10
  ./warren lab -s lab4                Debian 13, three brokers with RabbitMQ 4.0
  ./warren lab -s op --name rehearsal
                                      the hosts and settings of your own stack, with the lab's addresses and secrets
  ./warren lab --product storm.png    send your own file through the same hosts
  ./warren lab down                   remove the hosts`,
    )
    .action(async (options: Options) => {
      const files = options.product ?? [];
      await Promise.all(files.map(readable));
      const second = () => `stopped; the lab stays as it is; ./warren lab${labOption(options.name)} down removes it`;
      await interruptibleTwice({ verb: "lab", second }, async (signal) => {
        const { name, stack, count, rate, seed, json } = options;
        const good = await runLabJob({ name, stack, count, ratePerSecond: rate, seed, files, json, signal });
        if (!good) process.exitCode = 1;
      });
    });
  defineLabVerbs(command, { specOf: labSpec });
}

async function readable(file: string): Promise<void> {
  await access(file).catch((error: Error) => {
    throw new UserError(file, `can't be read: ${error.message}`, "give the path of a readable file", { cause: error });
  });
}
