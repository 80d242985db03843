import { type Command, InvalidArgumentError, Option } from "commander";
import { type ImportPxOptions, importPx } from "./import-px/run.ts";

const portMax = 65_535;
/** Above the ports that stacks give to agents. */
const firstMetricsPort = 9111;

/** `./warren import-px FILE…`: Sundew's senders (of type amqp, and by FTP or SFTP) and receivers of type amqp as configs of warren's agents, and a list of what the agents don't do. */
export function define(command: Command): void {
  command
    .argument("<files...>", "files of Sundew's etc/tx and etc/rx, NAME.conf")
    .addOption(
      new Option("--as <agent>", "the kind of the files; by default from the folder, tx or rx").choices([
        "sender",
        "receiver",
      ]),
    )
    .option("--root <folder>", "Sundew's PXROOT: queues are ROOT/txq/NAME and ROOT/rxq/NAME", "/apps/px")
    .option(
      "--metrics-port <port>",
      "metrics port of the first agent; the others get the following ports",
      port,
      firstMetricsPort,
    )
    .option(
      "--output <folder>",
      "write FOLDER/NAME/AGENT.json, and the password beside it; by default print the configs",
    )
    .option("--force", "overwrite existing files")
    .addOption(
      new Option("--stack", "print senders as sections of a stack file, instead of configs").conflicts([
        "output",
        "json",
      ]),
    )
    .option("--json", "print JSON: configs, what is missing or not expressed, faults; no passwords")
    .addHelpText(
      "after",
      `
Reads each file as pxSender and pxReceiver did: px.conf in the folder above comes first, \`include\` is followed, the last line of
an option wins, defaults are Sundew's. Configs go to standard output, the list of what is missing or not expressed to standard error: file
and line, option, why, remedy. A file of which only the beginning is known is imported as far as it goes. With --stack, give all senders of
a server at once: those that deliver, and the one of type amqp that announces. Nothing of the old installation is changed, and no broker
is asked.
Exit codes: 0 everything is expressed, 1 a file could not be imported, 2 imported, but something is missing or not expressed.

  ./warren import-px /apps/px/etc/tx/dd-notify-wxo-b1.conf
  ./warren import-px /apps/px/etc/tx/*wxo-b1*.conf --stack
  ./warren import-px /apps/px/etc/tx/*.conf --output agents.new
  ./warren agent sender --config agents.new/dd-notify-wxo-b1/sender.json --check-config`,
    )
    .action(async (files: string[], options: ImportPxOptions) => {
      const print = {
        out: (text: string) => process.stdout.write(text),
        err: (text: string) => process.stderr.write(text),
      };
      process.exitCode = await importPx(files, options, print);
    });
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < portMax) return value;
  throw new InvalidArgumentError("a port is expected.");
}
