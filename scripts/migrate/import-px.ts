import { type Command, InvalidArgumentError, Option } from "commander";
import { type ImportPxOptions, importPx } from "./import-px/run.ts";

const portMax = 65_535;
/** Above those that stacks give to agents. */
const firstMetricsPort = 9111;

/** `./warren import-px FILE…`: Sundew's senders (of type amqp, and by FTP or SFTP) and receivers of type amqp as configs of warren's agents, and a list of what those don't do. */
export function define(command: Command): void {
  command
    .argument("<files...>", "files of Sundew's etc/tx and etc/rx, NAME.conf")
    .addOption(
      new Option("--as <agent>", "what the files are of; without it the folder tells: tx or rx").choices([
        "sender",
        "receiver",
      ]),
    )
    .option("--root <folder>", "Sundew's PXROOT: queues are taken to be ROOT/txq/NAME and ROOT/rxq/NAME", "/apps/px")
    .option("--metrics-port <port>", "of the first agent; each further one gets the next", port, firstMetricsPort)
    .option("--output <folder>", "write FOLDER/NAME/AGENT.json, and the password beside it; without it, print")
    .option("--force", "write over files that are there")
    .option("--json", "print all as JSON: configs, what is not expressed, faults; no passwords")
    .addHelpText(
      "after",
      `
Reads each file as pxSender and pxReceiver did: px.conf in the folder above goes before it, \`include\` is followed, the last line of
an option counts, defaults are Sundew's. Configs go to standard output, the list of what is not expressed to standard error: file and
line, option, why, remedy. Nothing of the old installation is changed, and no broker is asked.
Exit codes: 0 all is expressed, 1 a file could not be imported, 2 all are, and something is not expressed.

  ./warren import-px /apps/px/etc/tx/dd-notify-wxo-b1.conf
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
