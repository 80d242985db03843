import { describe, expect, it } from "vitest";
import type { StackConfig } from "../config/index.ts";
import { fixtureConfig, fixtureModel } from "../model/fixture.ts";
import { checkModel, findings, rules } from "./index.ts";

const op = fixtureConfig("op");
const broker = op.brokers.bunny as StackConfig["brokers"][string];
const vip = op.virtualIps["bunny-op"] as StackConfig["virtualIps"][string];

const rows: [string, Partial<StackConfig>][] = [
  ["anonymous-writes-shared", { brokers: { bunny: { ...broker, permissions: "compatible" } } }],
  ["pause-minority-of-two", { brokers: { bunny: { ...broker, partitionHandling: "pause_minority" } } }],
  ["equal-priorities", { virtualIps: { "bunny-op": { ...vip, priorities: { bunny1: 100, bunny2: 100 } } } }],
  ["shared-router-id", { virtualIps: { "bunny-op": vip, "other-op": { ...vip, address: "142.135.12.60" } } }],
];

describe("the checks", () => {
  it("find nothing in the stack of operations", () => {
    expect(findings(fixtureModel(op), op)).toEqual([]);
  });

  it.each(rows)("find %s, and only that", (rule, change) => {
    const config = { ...op, ...change };
    expect(findings(fixtureModel(config), config).map((finding) => finding.rule)).toEqual([rule]);
  });

  it("have a row here for every rule", () => {
    expect(rows.map(([name]) => name).toSorted()).toEqual(rules.map((rule) => rule.name).toSorted());
  });

  it("stop on errors with path and remedy, and pass warnings on", () => {
    const wrong = { ...op, brokers: { bunny: { ...broker, partitionHandling: "pause_minority" as const } } };
    expect(() => checkModel(fixtureModel(wrong), wrong)).toThrow(/partitionHandling.*remedy: use autoheal/s);
    const lab = fixtureConfig("lab");
    expect(checkModel(fixtureModel(lab), lab).map((finding) => finding.severity)).toEqual(["warning"]);
  });
});
