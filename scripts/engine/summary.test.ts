import { describe, expect, it } from "vitest";
import { isSummarized, Summary } from "./summary.ts";

const urn = (type: string, name: string) => `urn:pulumi:op::warren::${type}::${name}`;
const step = (event: string, op: string, name: string, type = "warren:index:Host$command:remote:Command") =>
  JSON.stringify({ sequence: 1, [event]: { metadata: { op, type, urn: urn(type, name) } } });
const diagnostic = (severity: string, message: string, more: object = {}) =>
  JSON.stringify({ diagnosticEvent: { severity, message, ...more } });
const end = (resourceChanges: object) => JSON.stringify({ summaryEvent: { resourceChanges, durationSeconds: 7 } });

function shown(lines: readonly string[], options: { isPreview?: boolean; isFull?: boolean } = {}): string[] {
  const summary = new Summary({ isPreview: false, isFull: false, ...options });
  return lines.flatMap((line) => summary.linesOf(line));
}

describe("an operation without a terminal", () => {
  it("prints a line for each host and cluster that it changed, and the number of resources", () => {
    const lines = shown([
      step("resourcePreEvent", "update", "pds-3 /etc/warren/puller.json"),
      step("resOutputsEvent", "update", "pds-3 /etc/warren/puller.json"),
      step("resOutputsEvent", "update", "pds-3 warren-puller.service"),
      step("resOutputsEvent", "same", "pds-3 /etc/hosts"),
      step("resOutputsEvent", "create", "bunny user feeder", "warren:index:Broker$rabbitmq:index/user:User"),
      step("resOutputsEvent", "create", "bunny", "warren:index:Broker$pulumi:providers:rabbitmq"),
      step("resOutputsEvent", "create", "pds-3", "warren:index:Host"),
      end({ create: 1, update: 2, same: 418 }),
    ]);
    expect(lines).toEqual([
      "bunny: 1 created: user feeder",
      "pds-3: 2 updated: /etc/warren/puller.json, warren-puller.service",
      "Resources:",
      "    1 created",
      "    2 updated",
      "    418 unchanged",
      "Took 7 s",
    ]);
  });

  it("says what a preview would do", () => {
    const lines = [step("resourcePreEvent", "delete", "pds-5 /etc/hosts"), end({ delete: 1 })];
    expect(shown(lines, { isPreview: true }).slice(0, 3)).toEqual([
      "pds-5: 1 to delete: /etc/hosts",
      "Resources:",
      "    1 to delete",
    ]);
  });

  it("names what failed, and why", () => {
    const name = "pds-2 /etc/warren/puller.json";
    const type = "warren:index:Host$command:remote:Command";
    const lines = shown([
      diagnostic("error", "on pds-2: the update command failed\nbusy\n", { urn: urn(type, name) }),
      step("resOpFailedEvent", "update", name),
      end({ same: 1 }),
    ]);
    expect(lines.slice(0, 2)).toEqual([
      `error: ${name}: on pds-2: the update command failed\nbusy`,
      "pds-2: 1 failed: /etc/warren/puller.json",
    ]);
    expect(lines).toContain("    1 failed");
  });

  it("reports each fact once, as it comes, without the engine's colours, debugging and progress", () => {
    const lines = [
      diagnostic("warning", "<{%fg 3%}>pds-3 has drifted\u001b[2J<{%reset%}>\n", {
        urn: urn("pulumi:pulumi:Stack", "warren-op"),
      }),
      diagnostic("warning", "pds-3 has drifted\u001b[2J\n", { urn: urn("pulumi:pulumi:Stack", "warren-op") }),
      diagnostic("info", "pds-3: /etc/hosts differs\n"),
      diagnostic("debug", "RPC\n"),
      diagnostic("info", "retrying\n", { ephemeral: true }),
    ];
    const printed = shown(lines);
    expect(printed).toHaveLength(2);
    expect(printed[0]).toMatch(/^warning: pds-3 has drifted/);
    expect(printed[0]).not.toContain("\u001b");
    expect(printed[1]).toBe("pds-3: /etc/hosts differs");
  });

  it("cuts long lists of names, unless all are wanted", () => {
    const lines = [
      ...Array.from({ length: 25 }, (_, at) => step("resOutputsEvent", "create", `pds-1 /f${at}`)),
      end({}),
    ];
    expect(shown(lines)[0]).toMatch(/^pds-1: 25 created: \/f0, .*\/f7, and 17 more$/);
    expect(shown(lines, { isFull: true })[0]).toMatch(/\/f24$/);
  });

  it("passes on text that is no event", () => {
    expect(shown(["error: no stack named 'x' found", "{not json"])).toEqual([
      "error: no stack named 'x' found",
      "{not json",
    ]);
  });
});

it("is summarized unless a person watches or is asked, or wants another form", () => {
  expect(isSummarized(["up", "--stack", "op", "--yes"], false)).toBe(true);
  expect(isSummarized(["preview", "--stack", "op"], false)).toBe(true);
  expect(isSummarized(["up", "--stack", "op", "--yes"], true)).toBe(false);
  expect(isSummarized(["up", "--stack", "op"], false)).toBe(false);
  for (const own of ["--json", "--diff", "--color=always"]) expect(isSummarized(["preview", own], false)).toBe(false);
  expect(isSummarized(["stack", "export"], false)).toBe(false);
});
