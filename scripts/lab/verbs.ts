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
  /** The hosts of lab `name` at `index`, from the given committed stack; nine hosts of no stack by default. */
  readonly specOf?: (name: string, index: number, stack?: string) => Promise<LabSpec>;
}

/** Adds `up`, `down`, `status`, `ssh`, `exec` and the faults to `./warren lab`. */
export function defineLabVerbs(command: Command, { specOf = nineHosts }: LabVerbOptions = {}): void {
  const report = progressPrinter(process.stderr);
  // `lab --name x down` means the same as `lab down --name x`. The default name of a lab is its stack's.
  command.hook("preAction", async (outer, action) => {
    const given = (option: string): string | undefined =>
      action.getOptionValue(option) ?? outer.getOptionValue(option) ?? undefined;
    const stack = given("stack");
    action.setOptionValue("stack", stack);
    action.setOptionValue("name", given("name") ?? stack ?? defaultLabName);
    if (action !== outer) await checkMachine();
  });
  const verb = (usage: string, summary: string) => labOptions(command.command(usage).description(summary));

  verb("up", "start the hosts and wait until they answer; running hosts are left unchanged").action(
    async ({ name, stack }: Named & { stack?: string }) => {
      const second = () => `stopped; the lab stays as it is; ./warren lab${labOption(name)} down removes it`;
      await interruptibleTwice({ verb: "lab", second }, async (signal) => {
        const spec = await specOf(name, await allocateLabIndex(name), stack);
        const { booted, seconds } = await labUp(spec, { report, signal });
        const started = booted.length === 0 ? "all hosts are already running" : `hosts started: ${booted.length}`;
        process.stdout.write(`${started}, ${seconds.toFixed(1)} s\n`);
      });
    },
  );

  verb("down", "remove the hosts, with their disks and networks")
    .option("--all", "all labs of this machine, including those of other checkouts")
    .action(async ({ name, all }: Named & { all?: boolean }) => {
      const second = () => "stopped half way; run ./warren lab down again to finish";
      await interruptibleTwice({ verb: "lab", second }, async () => {
        const ended = all ? await allLabsDown({ report }) : (await labDown(name, { report })) ? [name] : [];
        process.stdout.write(ended.length > 0 ? `down, nothing left: ${ended.join(" ")}\n` : "no lab is up\n");
      });
    });

  verb("status", "show hosts, addresses and states")
    .option("--all", "all labs of this machine")
    .option("--json", "print JSON")
    .action(async ({ name, all, json }: Named & { all?: boolean; json?: boolean }) => {
      const labs = all ? await allLabStatus() : [await labStatus(name)].filter((status) => status !== undefined);
      if (json) process.stdout.write(`${JSON.stringify(labs, undefined, 2)}\n`);
      else process.stdout.write(labs.length > 0 ? labs.map(formatStatus).join("\n") : "no lab is up\n");
    });

  verb("ssh <host> [command...]", "open a shell on a host, or run one command on this terminal")
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

/** The options that select the lab, for `./warren lab` and all its verbs. */
export function labOptions(command: Command): Command {
  return command
    .option(
      "-s, --stack <stack>",
      `the stack that the lab is made from: ${Object.keys(labStacks).join(", ")}, or, with --name, any other`,
    )
    .option("--name <lab>", "name of the lab, if several are made from one stack; by default the stack's name");
}

async function nineHosts(name: string, index: number): Promise<LabSpec> {
  return { name, index, hosts: defaultHosts(index) };
}

/** Runs a command on several hosts at once and prefixes each line with its host's name. Returns the highest exit code. */
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
        // An unreachable host must not hide the answers of the others.
        if (!(error instanceof UserError)) throw error;
        process.stderr.write(`${prefix}${error.message}\n`);
        return 255;
      }
    }),
  );
  return Math.max(...codes);
}
