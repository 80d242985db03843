import { execa } from "execa";
import { expect, it } from "vitest";
import { and, type Command, run } from "../commands/command.ts";
import { section } from "../commands/sections.ts";
import { actionScript, parseAction } from "./act.ts";

const ended = async (command: Command, timeoutSeconds = 20) =>
  parseAction((await execa("sh", ["-s"], { input: actionScript(command, timeoutSeconds), reject: false })).stdout);

it("returns a command's output on both streams and its exit code", async () => {
  expect(await ended(and(run("echo", "a"), run("sh", "-c", "echo b >&2; exit 3")))).toEqual({
    exitCode: 3,
    output: "a\nb",
  });
  expect(await ended(run("true"))).toEqual({ exitCode: 0, output: "" });
});

it("gives the command empty standard input, not the rest of the script", async () => {
  expect(await ended(run("cat"))).toEqual({ exitCode: 0, output: "" });
});

it("stops a command that hangs", async () => {
  expect((await ended(run("sleep", "60"), 1))?.exitCode).toBe(124);
});

it("rejects a truncated answer", () => {
  expect(parseAction(`a\n${section("exit")}\n`)).toBeUndefined();
});
