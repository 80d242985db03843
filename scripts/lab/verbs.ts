import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { labStacks } from "../engine/lab-stacks.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { allLabsDown, labDown } from "./down.ts";
import type { Named } from "./fault-verbs.ts";
import { defineFaultVerbs } from "./fault-verbs.ts";
import { progressPrinter } from "./progress.ts";
import { allocateLabIndex, needRecord } from "./registry.ts";
import { checkMachine } from "./requirements.ts";
import { defaultHosts, defaultLabName, type LabSpec, labOption } from "./spec.ts";
import { splitWords } from "./split-words.ts";
import { execOn, hostShell, needHost } from "./ssh.ts";
import { allLabStatus, formatStatus, labStatus } from "./status.ts";
import { labUp } from "./up.ts";

export interface LabVerbOptions {
  /** The hosts of lab `name` at `index`, made from the committed stack that a person has named; nine hosts of no stack unless given. */
  readonly specOf?: (name: string, index: number, stack?: string) => Promise<LabSpec>;
}

/** Adds `up`, `down`, `status`, `ssh`, `exec` and the faults to `./warren lab`. */
export function defineLabVerbs(command: Command, { specOf = nineHosts }: LabVerbOptions = {}): void {
  const report = progressPrinter(process.stderr);
  // `lab --name x down` means the same as `lab down --name x`. A lab that has no name of its own has its stack's.
  command.hook("preAction", async (outer, action) => {
    const given = (option: string): string | undefined =>
      action.getOptionValue(option) ?? outer.getOptionValue(option) ?? undefined;
    const stack = given("stack");
    action.setOptionValue("stack", stack);
    action.setOptionValue("name", given("name") ?? stack ?? defaultLabName);
    if (action !== outer) await checkMachine();
  });
  const verb = (usage: string, summary: string) => labOptions(command.command(usage).description(summary));

  verb("up", "make the hosts and wait until they answer; hosts that run are left as they are").action(
    async ({ name, stack }: Named & { stack?: string }) => {
      const second = () => `left as it is; ./warren lab${labOption(name)} down takes it down`;
      await interruptibleTwice({ verb: "lab", second }, async (signal) => {
        const spec = await specOf(name, await allocateLabIndex(name), stack);
        const { booted, seconds } = await labUp(spec, { report, signal });
        const started = booted.length === 0 ? "all hosts ran already" : `hosts started: ${booted.length}`;
        process.stdout.write(`${started}, ${seconds.toFixed(1)} s\n`);
      });
    },
  );

  verb("down", "take the hosts away, with all that belongs to them")
    .option("--all", "every lab of this machine, those of other checkouts too")
    .action(async ({ name, all }: Named & { all?: boolean }) => {
      const second = () => "left as it is; ./warren lab down, once more, finishes it";
      await interruptibleTwice({ verb: "lab", second }, async () => {
        const ended = all ? await allLabsDown({ report }) : (await labDown(name, { report })) ? [name] : [];
        process.stdout.write(ended.length > 0 ? `down, nothing left: ${ended.join(" ")}\n` : "no lab is up\n");
      });
    });

  verb("status", "hosts, addresses, states")
    .option("--all", "every lab of this machine")
    .option("--json", "as JSON")
    .action(async ({ name, all, json }: Named & { all?: boolean; json?: boolean }) => {
      const labs = all ? await allLabStatus() : [await labStatus(name)].filter((status) => status !== undefined);
      if (json) process.stdout.write(`${JSON.stringify(labs, undefined, 2)}\n`);
      else process.stdout.write(labs.length > 0 ? labs.map(formatStatus).join("\n") : "no lab is up\n");
    });

  verb("ssh <host> [command...]", "a shell on a host, or one command with this terminal")
    .option("--user <login>", "login name", "root")
    .passThroughOptions()
    .action(async (host: string, words: string[], { name, user }: Named & { user: string }) => {
      process.exitCode = await hostShell(name, host, user, words[0] === "--" ? words.slice(1) : words);
    });

  verb("exec <words...>", "HOST… -- COMMAND: run a command on hosts (`all` is every host) in parallel")
    .usage("[options] HOST… -- COMMAND…")
    .passThroughOptions()
    .action(async (_words: string[], { name }: Named) => {
      process.exitCode = await execEverywhere(
        name,
        ...splitWords("exec", process.argv, "./warren lab exec urp-1 urp-2 -- uptime"),
      );
    });

  defineFaultVerbs(verb);
}

/** What says which lab is meant, for `./warren lab` and all its verbs. */
export function labOptions(command: Command): Command {
  return command
    .option("-s, --stack <stack>", `the stack that the lab is made from: ${Object.keys(labStacks).join(", ")}`)
    .option("--name <lab>", "which lab, where several are made from one stack; the stack's own unless given");
}

async function nineHosts(name: string, index: number): Promise<LabSpec> {
  return { name, index, hosts: defaultHosts(index) };
}

/** Runs a command on several hosts at once, each line with its host's name. Gives the highest exit code. */
async function execEverywhere(name: string, hosts: readonly string[], argv: readonly string[]): Promise<number> {
  const record = await needRecord(name);
  const names = hosts.includes("all") ? record.hosts.map((host) => host.name) : hosts;
  const targets = await Promise.all(names.map((host) => needHost(name, host)));
  const width = Math.max(...names.map((host) => host.length));
  const codes = await Promise.all(
    targets.map(async ({ host }) => {
      const prefix = targets.length > 1 ? `${host.name.padEnd(width)} | ` : "";
      const onLine = (line: string, stream: "stdout" | "stderr") => process[stream].write(`${prefix}${line}\n`);
      try {
        const { exitCode } = await execOn(record, host, argv, { reject: false, onLine });
        if (exitCode !== 0 && prefix) process.stderr.write(`${prefix}exit code ${exitCode}\n`);
        return exitCode;
      } catch (error) {
        // One host that can't be reached doesn't hide what the others answered.
        if (!(error instanceof UserError)) throw error;
        process.stderr.write(`${prefix}${error.message}\n`);
        return 255;
      }
    }),
  );
  return Math.max(...codes);
}
