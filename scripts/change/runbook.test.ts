import { Command } from "commander";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { runbookOptions } from "../lib/options.ts";
import { changing, type Plan, type Report, type Run, runbook } from "./runbook.ts";

const written = { stdout: "", stderr: "" };
const exitCodeBefore = process.exitCode;

beforeEach(() => {
  for (const name of ["stdout", "stderr"] as const) {
    written[name] = "";
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = exitCodeBefore;
});

const confirmHosts = vi.fn(() => Promise.resolve());

/** Runs a runbook that takes no lock. @returns its exit code and all that it wrote */
async function run(words: readonly string[], open: (run: Run) => Plan | Report) {
  const command = new Command();
  const options = (one: Command) => changing(runbookOptions(one));
  const book = { verb: "wash", options, help: "washes", lockless: () => true };
  runbook(book, (one) => Promise.resolve(open(one)), confirmHosts).define(command);
  process.exitCode = undefined;
  await command.parseAsync(["-s", "lab", ...words], { from: "user" });
  return { exitCode: process.exitCode ?? 0, ...written };
}

const done: string[] = [];
const plan = (more: Partial<Plan> = {}): Plan => ({
  text: "1 soap\n",
  json: { turns: [] },
  question: "wash op",
  work: () => {
    done.push("soap");
    return Promise.resolve({ json: { ok: true }, text: "washed\n" });
  },
  ...more,
});
beforeEach(() => void done.splice(0));

it("shows the plan, does the work, and reports the result as text or JSON", async () => {
  expect(await run(["--yes"], () => plan())).toEqual({ exitCode: 0, stdout: "washed\n", stderr: "1 soap\n" });
  expect(JSON.parse((await run(["--yes", "--json"], () => plan())).stdout.replace("washed\n", ""))).toEqual({
    ok: true,
  });
  expect(done).toEqual(["soap", "soap"]);
});

it("stops after the plan in a dry run, and --json prints only the plan", async () => {
  expect(await run(["--dry-run"], () => plan())).toEqual({ exitCode: 0, stdout: "", stderr: "1 soap\n" });
  expect((await run(["--dry-run", "--json"], () => plan())).stdout).toBe('{\n  "turns": []\n}\n');
  expect(done).toEqual([]);
});

it("does nothing if the plan has findings, and exits with code 2", async () => {
  const found = await run(["--yes", "--json"], () => plan({ findings: ["the tub leaks"] }));
  expect(found).toMatchObject({ exitCode: 2, stderr: "1 soap\n✗ the tub leaks\n" });
  expect(done).toEqual([]);
});

it("shows the plan before it refuses", async () => {
  const refusal = new UserError("op", "is made of sugar");
  await expect(run(["--yes"], () => plan({ refusal }))).rejects.toThrow("is made of sugar");
  expect([written.stderr, done]).toEqual(["1 soap\n", []]);
});

it("fails without a terminal to ask on, and closes what it has opened", async () => {
  const closed = vi.fn();
  const open = (one: Run) => {
    one.onEnd.push(closed);
    return plan();
  };
  const { isTTY } = process.stdin;
  process.stdin.isTTY = false;
  await expect(run([], open)).rejects.toThrow("there is no terminal to ask on");
  process.stdin.isTTY = isTTY;
  expect([closed.mock.calls.length, done]).toEqual([1, []]);
});

it("reports at once if there is nothing to do", async () => {
  expect(await run([], () => ({ json: {}, text: "clean\n", exitCode: 2 }))).toMatchObject({
    exitCode: 2,
    stdout: "clean\n",
  });
});

it("asks about hosts whose keys nobody has confirmed before it does anything, and does nothing if they stay unconfirmed", async () => {
  const unconfirmed = new UserError("stack op", "contains hosts whose keys nobody has confirmed");
  confirmHosts.mockRejectedValueOnce(unconfirmed);
  await expect(run(["--yes"], () => plan({ pins: "pds-3" }))).rejects.toThrow(unconfirmed);
  expect(done).toEqual([]);
  const asked = { stack: "lab", verb: "wash", except: "pds-3" };
  expect(confirmHosts).toHaveBeenLastCalledWith(expect.objectContaining({ ...asked, accept: undefined }));
  await run(["--yes", "--accept-new-hosts"], () => plan({ pins: "pds-3" }));
  expect(confirmHosts).toHaveBeenLastCalledWith(expect.objectContaining({ ...asked, accept: true }));
  expect(done).toEqual(["soap"]);
});

it("contacts no new host for a dry run, a plan with findings or a report", async () => {
  confirmHosts.mockClear();
  await run(["--dry-run"], () => plan());
  await run(["--yes"], () => plan({ findings: ["the tub leaks"] }));
  await run([], () => ({ text: "clean\n" }));
  expect(confirmHosts).not.toHaveBeenCalled();
});
