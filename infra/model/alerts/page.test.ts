import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtureConfig } from "../fixture.ts";
import type { Alert } from "./alert.ts";
import { alertRules, alerts, runbookPage } from "./index.ts";
import { alertScope } from "./scope.ts";

const meaning = {
  page: "wakes somebody: users notice, or will within minutes",
  ticket: "is for the next morning: a cause, or a spare part that is missing",
  none: "goes to a second place all the time, which reports when it stops",
};

const lab = alertScope(fixtureConfig("lab"), 1);

/** Each alert as a section of the runbook. */
function page(): string {
  return [
    "# Alerts",
    "",
    "Know what an alert means, where to look first, and how to repair its cause.",
    "",
    "`infra/model/alerts` has the rules; `page.test.ts` there writes this page. `./warren verify -s STACK` names the first broken link of the",
    "system, and is the first thing to run. Expressions are those of stack `lab`; a stack gets those that can fire there.",
    "",
    ...Object.entries(meaning).map(([severity, text]) => `- **${severity}**: ${text}`),
    "",
    "| alert | severity | |",
    "| --- | --- | --- |",
    ...alerts.map(
      ({ name, severity, summary }) => `| [${name}](#${name.toLowerCase()}) | ${severity} | ${readable(summary)} |`,
    ),
    ...alerts.flatMap(section),
  ].join("\n");
}

/** `{{ $labels.host }}` -> HOST */
const readable = (text: string): string =>
  text.replaceAll(/\{\{ \$(?:labels\.)?(\w+) \}\}/g, (_, label: string) => label.toUpperCase());

function section(alert: Alert): string[] {
  const { name, severity, forSeconds, summary, felt, step, look = [], remedy, why } = alert;
  const steps = step === "" ? [] : [`Step of \`verify\`: \`${step}\`.`];
  return [
    "",
    `## ${name}`,
    "",
    `${readable(summary)}. Severity: ${severity}.`,
    "",
    `- **What users notice:** ${felt}`,
    `- **Look first:** ${[...steps, ...look.map((command) => `\`${command}\``)].join(" ")}`,
    `- **Remedy:** ${remedy}`,
    `- **Threshold:** ${forSeconds === 0 ? "At once" : `For ${forSeconds} s`}. ${why}`,
    "",
    "```promql",
    alert.expression(lab) ?? "",
    "```",
    "",
  ].slice(0, -1);
}

it("docs/alerts.md has a section for each alert", async () => {
  await expect(`${page()}\n`).toMatchFileSnapshot(join(import.meta.dirname, "../../..", runbookPage));
});

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
}
const rulesOf = (config: ReturnType<typeof fixtureConfig>): Rule[] =>
  JSON.parse(alertRules(config)).groups.flatMap(({ rules }: { readonly rules: readonly Rule[] }) => rules);
const namesOf = (config: ReturnType<typeof fixtureConfig>) => rulesOf(config).flatMap(({ alert }) => alert ?? []);

describe("the rules of a stack", () => {
  it("have every alert where the stack has everything", () => {
    expect(namesOf(fixtureConfig("lab"))).toEqual(alerts.map(({ name }) => name));
  });

  it("have no alert about what a stack does not have", () => {
    const { datamart: _, ...config } = fixtureConfig("lab");
    const without = namesOf({ ...config, datamarts: {}, virtualIps: {} });
    const missing = alerts.map(({ name }) => name).filter((name) => !without.includes(name));
    expect(missing).toEqual([
      "VirtualIp",
      "VirtualIpAway",
      "PublicStopped",
      "DeliveryDelayed",
      "PublicUnserved",
      "MqttUnserved",
    ]);
  });

  it("grade by redundancy: a cluster of one has none to lose", () => {
    const { brokers, ...config } = fixtureConfig("lab");
    const single = Object.fromEntries(
      Object.entries(brokers).map(([name, broker]) => [name, { ...broker, members: broker.members.slice(0, 1) }]),
    );
    expect(namesOf({ ...config, brokers: single })).not.toContain("RedundancyLost");
    expect(namesOf({ ...config, brokers: single })).not.toContain("TwoDispatchers");
  });

  it("have shorter times with a time scale, but never less than two scrapes, and four in a window", () => {
    const config = fixtureConfig("lab");
    const scaled = rulesOf({ ...config, monitor: { ...config.monitor, timeScale: 0.05 } });
    for (const { for: hold = "0s", expr } of scaled) {
      expect(["0s", ...["10s", "15s", "30s"]]).toContain(hold);
      for (const [, seconds] of expr.matchAll(/\[(\d+)s\]/g)) expect(Number(seconds)).toBeGreaterThanOrEqual(20);
    }
  });

  it("say why, for each threshold, and use absent() only with its job", () => {
    for (const alert of alerts) {
      expect(alert.why).toMatch(/\S.*\.$/);
      for (const [, inner] of (alert.expression(lab) ?? "").matchAll(/absent(?:_over_time)?\(([^)]*)\)/g))
        expect(inner).toMatch(/job="/);
    }
  });
});
