import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prometheusTools } from "../../../tests/rigs/unpacked-program.ts";
import { fixtureConfig } from "../fixture.ts";
import { type AlertCase, base } from "./case.ts";
import { flowCases } from "./flow-cases.ts";
import { healthyHour } from "./healthy-hour.ts";
import { hostCases } from "./host-cases.ts";
import { alertRules, alerts } from "./index.ts";
import { latencyCases } from "./latency-cases.ts";
import { scrapeSeconds } from "./scope.ts";
import { rise } from "./series.ts";
import { systemCases } from "./system-cases.ts";

// promtool evaluates the rules as Prometheus does, with invented series. Proves nothing about the real series' names and labels: see
// metrics.test.ts. Groups are evaluated together here; in operation figures of latency are up to half a minute older than the alert.

const cases: readonly AlertCase[] = [...flowCases, ...latencyCases, ...systemCases, ...hostCases];
const titled = cases.map((one) => [`${one.alert}: ${one.on}`, one] as const);

interface Rule {
  readonly alert?: string;
  readonly labels: { readonly severity?: string };
}
let groups: { readonly name: string; readonly rules: Rule[] }[];
let folder: string;
let promtool: (...words: readonly string[]) => Promise<{ readonly exitCode: number | undefined; readonly all: string }>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-alerts-"));
  const { command, env } = (await prometheusTools()).promtool;
  promtool = async (...words) => {
    // Go's collector takes a third of the processor time at its default, 100.
    const { exitCode, all } = await execa(command, words, { env: { ...env, GOGC: "400" }, all: true, reject: false });
    return { exitCode, all };
  };
  groups = JSON.parse(alertRules(fixtureConfig("lab"))).groups;
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const count = (selector: string) => `count(ALERTS{alertstate="firing",${selector}}) or vector(0)`;

/**
 * The rules that a case is about, and all that page. promtool ignores the groups' own intervals, so a window of three days, every five seconds,
 * takes it minutes: only cases of latency, which have longer steps, get its figures.
 */
const rulesFor = ({ alert, stepSeconds = scrapeSeconds }: AlertCase) => ({
  groups: groups
    .filter(({ name }) => name === "alerts" || stepSeconds > scrapeSeconds)
    .map(({ rules, ...group }) => ({
      ...group,
      rules: rules.filter(
        (rule) => rule.alert === undefined || rule.alert === alert || rule.labels.severity === "page",
      ),
    })),
});

/** Writes the rules and the test, and runs it. */
async function run(one: AlertCase, file: string, { rules = rulesFor(one), test = testOf(one, file) } = {}) {
  await writeFile(join(folder, `${file}.rules.yml`), JSON.stringify(rules));
  await writeFile(join(folder, `${file}.yml`), JSON.stringify(test));
  return promtool("test", "rules", join(folder, `${file}.yml`));
}

/** A test file of promtool. */
function testOf({ alert, series, firing, stepSeconds = scrapeSeconds, alsoPages = [] }: AlertCase, file: string) {
  const step = `${stepSeconds}s`;
  const asked = (expr: string, at: number, value: number) => ({
    ...{ expr, eval_time: `${at}s`, exp_samples: [{ labels: "{}", value }] },
  });
  const times = Object.entries(firing).map(([at, value]) => [Number(at), value] as const);
  const seconds = stepSeconds + Math.max(...times.map(([at]) => at + stepSeconds - (at % stepSeconds)));
  const always = Object.entries(base).map(
    ([name, [from, by]]) => [name, rise(from, by, seconds, stepSeconds)] as const,
  );
  const otherPages = count(`severity="page",alertname!~"${[alert, ...alsoPages].join("|")}"`);
  return {
    rule_files: [`${file}.rules.yml`],
    evaluation_interval: step,
    group_eval_order: ["latency", "latency-days", "alerts"],
    tests: [
      {
        interval: step,
        input_series: Object.entries({ ...Object.fromEntries(always), ...series }).map(([name, values]) => ({
          series: name,
          values,
        })),
        promql_expr_test: times.flatMap(([at, value]) => [
          asked(count(`alertname="${alert}"`), at, value),
          asked(otherPages, at, 0),
        ]),
      },
    ],
  };
}

describe("the rules of a stack", () => {
  it.each(["lab", "lab4", "op", "dev"])(
    "%s are accepted by Prometheus, at full and at a tenth of their times",
    async (stack) => {
      for (const timeScale of [1, 0.1]) {
        const config = fixtureConfig(stack);
        const file = join(folder, `${stack}-${timeScale}.yml`);
        await writeFile(file, alertRules({ ...config, monitor: { ...config.monitor, timeScale } }));
        expect(await promtool("check", "rules", file)).toMatchObject({ exitCode: 0 });
      }
    },
  );
});

describe("each alert fires when it should, at the second it should, and wakes nobody else", () => {
  it.each(titled)("%s", { timeout: 120_000 }, async (title, one) => {
    const { exitCode, all } = await run(one, `case-${titled.findIndex(([name]) => name === title)}`);
    expect(exitCode, all).toBe(0);
  });

  it("has a case in which it fires, and one in which it does not", () => {
    const ever = (want: (firing: readonly number[]) => boolean) =>
      new Set(cases.filter(({ firing }) => want(Object.values(firing))).map(({ alert }) => alert));
    const all = alerts.map(({ name }) => name);
    expect(all.filter((name) => !ever((firing) => firing.includes(1)).has(name))).toEqual([]);
    // What is true all the time has no such case, nor has a state that one message makes.
    const quiet = ever((firing) => !firing.includes(1));
    expect(all.filter((name) => !quiet.has(name))).toEqual(["DeadLetters", "JobMissing", "Watchdog"]);
  });
});

describe("an hour of healthy traffic", () => {
  it.each(healthyHour)("$on: nothing fires but the Watchdog", { timeout: 120_000 }, async ({ series, on }) => {
    const firing = Object.fromEntries([60, 900, 1200, 1800, 2400, 3000, 3595].map((at) => [at, 1]));
    const one = { alert: "Watchdog", on, series, firing };
    const file = `healthy-${healthyHour.findIndex((hour) => hour.on === on)}`;
    const test = testOf(one, file);
    for (const asked of test.tests[0]?.promql_expr_test ?? [])
      if (asked.expr.includes("severity")) asked.expr = count('alertname!="Watchdog"');
    const rules = { groups: groups.filter(({ name }) => name !== "latency-days") };
    const { exitCode, all } = await run(one, file, { rules, test });
    expect(exitCode, all).toBe(0);
  });
});
