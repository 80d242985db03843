import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { findings } from "../../infra/checks/index.ts";
import { noPast, type Past, readPast } from "../../infra/checks/past.ts";
import type { Rule } from "../../infra/checks/rule.ts";
import { rules } from "../../infra/checks/rules.ts";
import { unfilledPaths, withFilledIn } from "../../infra/config/fill-in.ts";
import { parseStackConfig, type StackConfig } from "../../infra/config/index.ts";
import { missingSecrets, withPlaceholders } from "../../infra/config/placeholders.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import { readPulumi } from "../engine/engine.ts";
import { checkout } from "../engine/places.ts";
import { hasState } from "../engine/stack.ts";
import { readCommittedValues } from "../engine/stack-config.ts";
import { wantsColor } from "../lib/color.ts";
import { type Checked, formatChecks, formatRule, formatRules, passedRules, ruleNamed } from "./checks-report.ts";

interface Options {
  readonly stack?: string;
  readonly explain?: string;
  readonly list?: true;
  readonly json?: true;
}

/** Exit code if a rule found an error; warnings and notes do not count. */
const errorsFound = 2;

/** `./warren checks -s STACK`: checks a stack file against the rules, without contacting hosts. */
export function define(command: Command): void {
  command
    .option("-s, --stack <stack>", "the stack: stacks/Pulumi.STACK.yaml is its config")
    .option("--list", "list every rule with its severity and condition")
    .option("--explain <rule>", "print severity, reason, remedy and source of a rule")
    .option("--json", "the same as JSON")
    .addHelpText(
      "after",
      `
Lists what is not filled in yet: values marked FILL-IN, secrets, and the login key. Checks the stack file against the rules; contacts no host and
needs no secrets. If the stack was deployed from here, its outputs are compared as well.
error    stops preview and up     warning  shown at every preview     note  shown only here
Exit codes: 0 no errors, 1 failed, 2 errors found, or the stack file is invalid.

  ./warren checks -s op
  ./warren checks --explain hidden-policy`,
    )
    .action(async (options: Options) => {
      process.stdout.write(await answer(options));
    });
}

async function answer(options: Options): Promise<string> {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const color = wantsColor(process.stdout);
  if (options.explain !== undefined) {
    const rule = ruleNamed(options.explain, rules);
    return options.json ? json(plain(rule)) : formatRule(rule);
  }
  if (options.list) return options.json ? json(rules.map(plain)) : formatRules(rules, color);
  if (options.stack === undefined) {
    throw new UserError("checks", "no stack given", "add -s STACK, --list or --explain RULE");
  }
  const checked = await check(options.stack);
  if (checked.findings.some((finding) => finding.severity === "error")) process.exitCode = errorsFound;
  if (!options.json) return formatChecks(checked, color);
  const passed = passedRules(checked).map((rule) => rule.name);
  return json({
    stack: checked.stack,
    hasPast: checked.hasPast,
    toFillIn: checked.toFillIn,
    findings: checked.findings,
    passed,
  });
}

/** Checks the stack file against every rule. @throws ConfigError if the file itself is invalid */
async function check(stack: string): Promise<Checked> {
  const values = readCommittedValues(stack);
  const config = parseStackConfig(withPlaceholders(withFilledIn(values)), `stack ${stack}`);
  const past = await pastOfStack(stack);
  const model = { stack, clusters: clusterModels(config) };
  return {
    ...{ stack, rules, findings: findings(model, config, past ?? noPast), hasPast: past !== undefined },
    toFillIn: [
      ...[...unfilledPaths(values), ...missingSecrets(values)].map((path) => `warren:${path}`),
      ...keyFiles(config),
    ],
  };
}

/** Files of keys that don't exist. A lab makes its own. */
const keyFiles = ({ ssh, tls }: StackConfig): string[] =>
  [ssh.privateKeyFile, ssh.knownHostsFile, tls.caCertificateFile, tls.caKeyFile].filter(
    (file): file is string =>
      file !== undefined && !file.startsWith(".warren/labs/") && !existsSync(resolve(checkout, file)),
  );

/** Outputs of the stack's last run; the engine is asked only if the stack was deployed from this machine. */
async function pastOfStack(stack: string): Promise<Past | undefined> {
  if (!hasState(stack)) return undefined;
  const outputs = readPast(JSON.parse(await readPulumi(["stack", "output", "--json", "--stack", stack], { stack })));
  return Object.keys(outputs.series).length > 0 ? outputs : undefined;
}

/** A rule without its function. */
const plain = ({ name, severity, firesOn, reason, remedy, source }: Rule) => ({
  name,
  severity,
  firesOn,
  reason,
  remedy,
  source,
});
