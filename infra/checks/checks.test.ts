import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { StackConfig } from "../config/index.ts";
import { clusterModels } from "../model/cluster.ts";
import { fixtureConfig } from "../model/fixture.ts";
import { cases } from "./cases.ts";
import { broker, type Case, sound, trixie } from "./fixture.ts";
import { checkModel, findings, formatFinding } from "./index.ts";
import { noPast, pastOf, readPast } from "./past.ts";
import { severities } from "./rule.ts";
import { rules } from "./rules.ts";

const model = (config: StackConfig) => ({ stack: "test", clusters: clusterModels(config) });
const found = ({ config, past }: Pick<Case, "config" | "past">) =>
  findings(model(config), config, { ...noPast, ...past });
const rulesFound = (one: Pick<Case, "config" | "past">) => [...new Set(found(one).map((finding) => finding.rule))];

const fires = cases.flatMap(({ rule, fires }) => fires.map((one) => [rule, one.on, one] as const));
const quiet = cases.flatMap(({ rule, quiet }) => quiet.map((one) => [rule, one.on, one] as const));

describe("the checks", () => {
  it("find nothing in a hardened stack", () => {
    expect(found({ config: sound })).toEqual([]);
  });

  it.each(fires)("find only %s: %s", (rule, _on, one) => {
    expect(rulesFound(one)).toEqual([rule]);
  });

  it.each(quiet)("don't find %s: %s", (rule, _on, one) => {
    expect(rulesFound(one)).not.toContain(rule);
  });

  it("have rows for every rule, in the rules' order", () => {
    expect(cases.map(({ rule }) => rule)).toEqual(rules.map((rule) => rule.name));
    for (const { fires, quiet } of cases) expect([fires.length > 0, quiet.length > 0]).toEqual([true, true]);
  });

  it("report the setting, the problem and the remedy of every finding", () => {
    for (const [, , one] of fires) {
      for (const finding of found(one)) {
        expect(finding.path).toMatch(
          /^warren:(brokers|virtualIps|hosts|announcements|datamarts?|bridges|monitor|secrets)\./,
        );
        expect(finding.message).not.toBe("");
        expect(formatFinding(finding)).toContain(`remedy: ${finding.remedy}`);
      }
    }
  });
});

describe("errors, warnings and notes", () => {
  it("are sorted in this order", () => {
    const config = broker({ partitionHandling: "pause_minority", plainText: true, management: openManagement });
    expect(found({ config }).map((finding) => finding.severity)).toEqual([...severities]);
  });

  it("stop the run, are returned, and are shown by `./warren checks` only", () => {
    const wrong = broker({ partitionHandling: "pause_minority" });
    expect(() => checkModel(model(wrong), wrong, noPast)).toThrow(/partitionHandling.*remedy: use autoheal/s);
    const open = broker({ plainText: true, management: openManagement });
    expect(checkModel(model(open), open, noPast).map((finding) => finding.rule)).toEqual(["plain-text-amqp"]);
  });

  it("are all reported at once", () => {
    const mirrored = {
      name: "all",
      pattern: "^cmc\\.",
      applyTo: "queues",
      priority: 0,
      definition: { "ha-mode": "all" },
    } as const;
    const config = trixie(2, { partitionHandling: "pause_minority", policies: [mirrored] });
    const checked = () => checkModel(model(config), config, noPast);
    for (const rule of [/pause-minority-of-two/, /mirroring-unsupported/]) expect(checked).toThrow(rule);
  });
});

describe("a broker that was built by hand and adopted", () => {
  const unwise = trixie(2, { partitionHandling: "pause_minority" });
  const adopted = { ...unwise, hosts: structuredClone(unwise.hosts) };
  Object.assign(adopted.hosts.bunny1 ?? {}, { adopted: { "rabbitmq-server": { files: {} } } });

  it("has its errors reported as warnings, which don't stop the run", () => {
    const reported = checkModel(model(adopted), adopted, noPast);
    expect(reported.map((finding) => [finding.rule, finding.severity])).toEqual([
      ["pause-minority-of-two", "warning"],
      ["quorum-of-two", "warning"],
    ]);
  });

  it("is still stopped by an upgrade in place", () => {
    const past = { ...noPast, series: { bunny: "3.10" } };
    expect(() => checkModel(model(adopted), adopted, past)).toThrow(/series-in-place/);
  });
});

describe("the committed stacks", () => {
  it.each(["op", "dev", "lab", "lab4"])("%s has no errors", (stack) => {
    const errors = found({ config: fixtureConfig(stack) }).filter((finding) => finding.severity === "error");
    expect(errors).toEqual([]);
  });

  it("lab warns of its old permissions, with the names of the objects", () => {
    const warnings = found({ config: fixtureConfig("lab") }).map(formatFinding);
    expect(warnings).toContainEqual(expect.stringContaining("anonymous may delete cmc, xpublic, cmc.urp.input"));
    expect(warnings).toContainEqual(expect.stringContaining("unanchored-permission"));
  });
});

describe("the past", () => {
  it("is what the previous run recorded, and a run without changes keeps it", () => {
    const kept = JSON.parse(JSON.stringify(pastOf(sound)));
    expect(kept.series).toEqual({ bunny: "3.10" });
    expect(kept.releases["bunny1-op"]).toBe("bookworm");
    expect(found({ config: sound, past: readPast(kept) })).toEqual([]);
  });

  it("is among the program's outputs, which it exports by name", () => {
    const program = readFileSync(new URL("../index.ts", import.meta.url), "utf8");
    for (const name of Object.keys(noPast)) expect(program.split("\n")).toContain(`  ${name},`);
  });

  it("names the hosts and clusters that can't be upgraded in place, and suggests blue/green", () => {
    const both = found({
      config: trixie(3),
      past: readPast({ ...pastOf(sound), releases: { bunny1: "bookworm", bunny2: "bookworm" } }),
    });
    expect(both.map((finding) => finding.path)).toEqual([
      "warren:brokers.bunny.series",
      "warren:hosts.bunny1.release",
      "warren:hosts.bunny2.release",
    ]);
    for (const finding of both) expect(finding.remedy).toMatch(/^blue\/green/);
  });

  it.each([{}, { series: "3.10" }, { series: { bunny: 3 }, releases: null }])(
    "is empty for outputs without it: %j",
    (outputs) => {
      expect(readPast(outputs)).toEqual(noPast);
    },
  );
});

const openManagement = { port: 15_672, address: "0.0.0.0", from: [] };
