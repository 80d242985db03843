import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, expect, it } from "vitest";
import { bootId, pidNamespace } from "../../infra/lock-owner.ts";
import { startedTicks } from "../../infra/process-stat.ts";
import { locksFolder } from "../../scripts/engine/stack.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { part } from "./one-lab.ts";
import { changedResources, lab, on, preview, stackFile, up, type WarrenResult } from "./subject.ts";

const file = "/etc/warren/puller.json";
const changeByHand = () => on("pds-3", `echo >> ${file}`);
const repaired = ["pds-3 /etc/warren/puller.json", "pds-3 warren-puller.service"];

/** Runs plain `pulumi` as a person does who has set its environment. */
function pulumi(words: readonly string[]): Promise<WarrenResult> {
  const script = 'eval "$(./warren toolchain --env "$0")"; exec pulumi "$@"';
  return run("sh", ["-c", script, lab, ...words, "--stack", lab, "--config-file", stackFile()], checkoutDirectory);
}

async function run(program: string, args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  const options = { cwd, all: true, reject: false, stdin: "ignore", timeout: 290_000 } as const;
  const result = await execa(program, [...args], { ...options, env: { ...env, NO_COLOR: "1" } });
  return { exitCode: result.exitCode ?? 255, output: result.all, seconds: 0 };
}

const warningsOf = ({ output }: WarrenResult): string[] =>
  [...new Set([...output.matchAll(/warning: (.+)/g)].map(([, text]) => text ?? ""))].toSorted();

/** Names of the resources that the engine's own display says are changed: `HOST THING`. */
function inDisplay({ output }: WarrenResult): string[] {
  const lines = output.matchAll(/^ ~\s+command:\S+ (.+?) (?:update|updated)\b/gm);
  return [...new Set([...lines].map(([, name]) => name ?? ""))].toSorted();
}

/** `./warren` and plain `pulumi` side by side. Without the official plugins, which differ as docs/stacks.md says. */
export function plainPulumi(): void {
  part("plain pulumi", () => {
    it("previews and repairs the same drift as the verbs", async () => {
      await changeByHand();
      const [verb, plain] = [await preview(), await pulumi(["preview"])];
      expect(warningsOf(plain)).toEqual(warningsOf(verb));
      expect(inDisplay(plain)).toEqual(repaired);
      expect(changedResources(verb.output)).toEqual(repaired);
      const done = await pulumi(["up", "--yes", "--suppress-outputs"]);
      expect(done.exitCode, done.output).toBe(0);
      // Once in the preview, and not again in the update: the engine prints a message as it comes, and in its report.
      expect(done.output.match(/pds-3 has drifted/g)?.length, done.output).toBeLessThanOrEqual(2);
      const clean = await preview("--expect-no-changes");
      expect(clean.exitCode, clean.output).toBe(0);
      await changeByHand();
      expect((await up()).exitCode).toBe(0);
      const plainClean = await pulumi(["preview", "--expect-no-changes"]);
      expect(plainClean.exitCode, plainClean.output).toBe(0);
    });

    it("changes nothing while a verb holds the stack's lock, and says who does", async () => {
      const release = await holdLock();
      try {
        await changeByHand();
        const refused = await pulumi(["up", "--yes", "--skip-preview", "--suppress-outputs"]);
        expect(refused.exitCode, refused.output).not.toBe(0);
        expect(refused.output).toMatch(new RegExp(`stack ${lab}: is locked by .* \\(restore, since`));
      } finally {
        await release();
      }
      const done = await up();
      expect(changedResources(done.output)).toEqual(repaired);
    });
  });

  part("two clones that share one state", () => {
    let clone: string | undefined;
    afterAll(async () => {
      if (clone) await rm(clone, { recursive: true, force: true });
    });

    it("see the same stack: nothing is to change, and one can't change it while the other does", async () => {
      clone = await cloneOf();
      const other = (...words: string[]) =>
        run("./warren", [...words, "-s", lab], clone ?? "", {
          PULUMI_BACKEND_URL: `file://${join(checkoutDirectory, ".warren/state")}`,
        });
      const clean = await other("preview", "--expect-no-changes");
      expect(clean.exitCode, clean.output).toBe(0);
      expect(clean.output).not.toContain("can't be read");

      const release = await holdLock();
      const refused = await other("up", "--yes").finally(release);
      expect(refused.exitCode, refused.output).not.toBe(0);
      expect(refused.output).toMatch(/is locked by .* \(restore, since/);

      await changeByHand();
      const both = await Promise.all([up(), other("up", "--yes")]);
      const codes = both.map(({ exitCode }) => exitCode).toSorted();
      const loser = both.find(({ exitCode }) => exitCode !== 0);
      // One comes first; if they don't overlap, the second has nothing to do.
      if (codes[1] !== 0) expect(loser?.output).toMatch(/is locked by .* \(up, since/);
      expect(codes[0]).toBe(0);
      const after = await other("preview", "--expect-no-changes");
      expect(after.exitCode, after.output).toBe(0);
    });
  });
}

/** Another process holds the stack's lock. @returns ends it */
async function holdLock(): Promise<() => Promise<void>> {
  const holder: ChildProcess = spawn("sleep", ["600"], { stdio: "ignore" });
  const pid = holder.pid ?? 0;
  const lock = join(locksFolder(lab), `${lab}.lock`);
  const owner = {
    ...{ token: "acceptance", user: userInfo().username, host: hostname(), pid, startedTicks: startedTicks(pid) },
    ...{ bootId: bootId(), pidNamespace: pidNamespace(), verb: "restore", since: new Date().toISOString() },
  };
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, JSON.stringify(owner));
  return async () => {
    holder.kill();
    await rm(lock, { force: true });
  };
}

/** A second clone, with what a second operator gets by hand: the stack file, its passphrase and the login key. */
async function cloneOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "warren-clone-"));
  const { stdout } = await execa("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: checkoutDirectory,
  });
  for (const name of stdout.split("\0").filter((each) => each !== "")) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await cp(join(checkoutDirectory, name), join(folder, name), { verbatimSymlinks: true });
  }
  // A link would show in the agents' programs, which name the modules' folders.
  await execa("cp", ["--archive", join(checkoutDirectory, "node_modules"), folder]);
  await writeFile(join(folder, "stacks", `Pulumi.${lab}.yaml`), await readFile(stackFile()));
  const passphrase = await readFile(join(checkoutDirectory, "stacks/Pulumi.lab.passphrase"));
  await writeFile(join(folder, "stacks", `Pulumi.${lab}.passphrase`), passphrase, { mode: 0o600 });
  const keys = join(".warren/labs", lab);
  await cp(join(checkoutDirectory, keys), join(folder, keys), { recursive: true });
  return folder;
}
