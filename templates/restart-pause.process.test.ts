import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderRestartPause } from "./render.ts";

// The program as rendered, with a `sleep` that only notes the pause. tests/acceptance/restarts.long.test.ts shows it under systemd.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-pause-"));
  mkdirSync(join(folder, "bin"));
  put("bin/sleep", `#!/bin/sh\necho "$1" >> ${join(folder, "slept")}\n`);
  put("restart-pause", renderRestartPause({}));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

const file = () => join(folder, "failures");

function call(when: "before" | "after", result = ""): void {
  const env = { PATH: `${join(folder, "bin")}:${process.env.PATH}`, RUNTIME_DIRECTORY: folder, SERVICE_RESULT: result };
  execFileSync("sh", [join(folder, "restart-pause"), when], { env, stdio: "pipe" });
}

/** Starts a unit that dies at once, this often. @returns the pauses before these starts, without those of 0 s */
function die(times: number, result = "exit-code"): number[] {
  rmSync(join(folder, "slept"), { force: true });
  for (let time = 0; time < times; time += 1) {
    call("before");
    call("after", result);
  }
  return existsSync(join(folder, "slept"))
    ? readFileSync(join(folder, "slept"), "utf8").trim().split("\n").map(Number)
    : [];
}

/** As if the unit had been started this long ago. */
function startedBefore(seconds: number): void {
  const [failures, started] = readFileSync(file(), "utf8").trim().split(" ").map(Number);
  writeFileSync(file(), `${failures} ${(started ?? 0) - seconds}\n`);
}

describe("restart-pause", () => {
  it("restarts at once after the first failures, then after growing pauses, and never gives up", () => {
    expect(die(4)).toEqual([]);
    expect(die(8)).toEqual([1, 2, 4, 8, 15, 15, 15, 15]);
    expect(die(60)).toHaveLength(60);
  });

  it("counts from the beginning after a unit has run for ten seconds", () => {
    die(12);
    call("before");
    startedBefore(9);
    call("after", "signal");
    expect(die(1)).toEqual([15]);
    call("before");
    startedBefore(11);
    call("after", "signal");
    expect(die(3)).toEqual([]);
  });

  it("forgets failures when a person or `up` restarts the unit, also during a pause", () => {
    die(12);
    // systemd ends the pause, and runs ExecStopPost.
    call("after", "success");
    expect(die(4)).toEqual([]);
  });

  it("ignores a damaged file", () => {
    writeFileSync(file(), "many\n");
    call("before");
    expect(existsSync(join(folder, "slept"))).toBe(false);
  });
});
