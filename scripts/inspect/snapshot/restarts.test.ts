import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { quote } from "../../../infra/commands/command.ts";
import { answered } from "../../../infra/commands/fixture.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { type Chain, chainHostOf, chainOf } from "./chain.ts";
import { type CrashLoop, type KeptPlace, keptPlaces, parseEnds, parseRestarts, restartsQuestion } from "./restarts.ts";

const unit = "warren-puller.service";
const loop: CrashLoop = { place: { name: "puller", unit }, restarts: 3, lastMs: 0 };
const answer = (...messages: readonly unknown[]) =>
  answered(
    [
      "== ended warren-puller.service",
      ...messages.map((MESSAGE) => JSON.stringify({ MESSAGE })),
      "",
      "== end",
      "",
    ].join("\n"),
  );
const endOf = (...messages: readonly unknown[]) => parseEnds([loop], answer(...messages))?.[unit];

describe("restarts in the journal", () => {
  const scheduled = "5eb03494b6584870a536b337290809b3";
  const starting = "7d4958e842da4a758f6c1cdc7b36dcc5";
  const event = (UNIT: string, MESSAGE_ID: string, seconds: number) =>
    JSON.stringify({ UNIT, MESSAGE_ID, __REALTIME_TIMESTAMP: String(seconds * 1e6) });

  it("are read by unit, with their times, among other entries", () => {
    const lines = [
      ...[event("a.service", scheduled, 1), event("a.service", starting, 1), "{", event("b.service", scheduled, 2)],
      ...[event("b.service", starting, 2), event("a.service", scheduled, 3)],
    ];
    expect(parseRestarts(lines)).toEqual({ "a.service": [1000, 3000], "b.service": [2000] });
  });

  it("are requested for the fastest loop of each unit, without unused fields", async () => {
    const places = ["puller", "dispatcher"].map((name) => ({ name, unit: `warren-${name}.service` })) as KeptPlace[];
    const asked = restartsQuestion(places);
    expect(asked).toContain("-n 8000 ");
    // An entry as printed by journalctl of systemd 252; the removed fields may be anywhere.
    const rest = { __CURSOR: "s=1;i=2", __MONOTONIC_TIMESTAMP: "5", _BOOT_ID: "b" };
    const wanted = { UNIT: "a.service", MESSAGE_ID: scheduled, __REALTIME_TIMESTAMP: "1000000" };
    const lines = [{ ...rest, ...wanted }, { ...wanted, ...rest }, wanted].map((line) => JSON.stringify(line));
    const spaced = lines.map((line) => line.replaceAll(",", ", "));
    const input = `journalctl() { printf '%s\\n' ${[...lines, ...spaced].map(quote).join(" ")}; }\n${asked}`;
    const printed = (await execa("sh", ["-s"], { input })).stdout.split("\n");
    expect(printed.map((line) => JSON.parse(line))).toEqual(Array(6).fill(wanted));
    expect(parseRestarts(printed)).toEqual({ "a.service": Array(6).fill(1000) });
  });

  it("do not count before a requested start", () => {
    const before = [1, 2, 3].flatMap((at) => [event("a.service", scheduled, at), event("a.service", starting, at)]);
    expect(parseRestarts([...before, event("a.service", starting, 4)])).toEqual({ "a.service": [] });
  });

  it("are requested for every agent and for a client's program", () => {
    const chain: Chain = chainOf("lab", fixtureConfig("lab"));
    const names = chain.hosts.flatMap(({ name }) => keptPlaces(chainHostOf(chain, name)).map((place) => place.name));
    expect(new Set(names.map((name) => name.split("-")[0]))).toEqual(
      new Set([
        "announcer",
        "auditor",
        "dispatcher",
        "monitor",
        "puller",
        "delivery",
        "dd",
        "receiver",
        "watcher",
        "queue",
        "bridge",
        "subscriber",
      ]),
    );
  });
});

describe("the last output of a program", () => {
  it("is its last fatal line, by level and not by text, with the error in it", () => {
    const line = (level: unknown, msg: string, message: string) => JSON.stringify({ level, msg, err: { message } });
    expect(
      endOf(line("fatal", "failed", "first"), line(60, "failed", "second"), line("error", "fatal", "third")),
    ).toEqual({
      fatal: "failed: second",
    });
  });

  it("is its last plain text if it logged nothing fatal", () => {
    expect(endOf('{"level":"info","msg":"starting"}', "file:1", "  throw error", "", "Error: \u001b[2Jno")).toEqual({
      words: "file:1; throw error; Error: \\x1b[2Jno",
    });
  });

  it("comes only from its last process", () => {
    const line = (_PID: string, MESSAGE: string) => JSON.stringify({ _PID, MESSAGE });
    const lines = [line("1", "before"), line("2", "last"), "", "== end", ""];
    expect(parseEnds([loop], answered(["== ended warren-puller.service", ...lines].join("\n")))?.[unit]).toEqual({
      words: "last",
    });
  });

  it("is read from bytes, and is empty if a message was too long for the journal", () => {
    expect(endOf(null, [...Buffer.from("a\u001bb")])).toEqual({ words: "a\\x1bb" });
  });

  it("is bounded", () => {
    expect(endOf("x".repeat(4000))?.words?.length).toBeLessThan(400);
  });

  it("is ignored if the answer is incomplete", () => {
    expect(parseEnds([loop], answered("== ended warren-puller.service\n{"))).toBeUndefined();
  });
});
