import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fixtureArtifacts } from "../../infra/model/fixture.ts";
import { startSshd } from "../../infra/plugins/command/sshd.ts";
import { checkout, nodeProgram } from "../../scripts/engine/places.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import type { EngineRun } from "./preview-report.ts";
import { ended, measured } from "./preview-run.ts";
import type { SimulatedResult } from "./simulated-report.ts";

/** What the simulated program reads from its working folder. */
export interface SimulatedHosts {
  readonly hosts: number;
  /** A text that is on every host. */
  readonly setting: string;
  readonly port: number;
  readonly hostKey: string;
}

/** The state of a first `up` is written twice for each step, and grows with it: for more hosts than these, the bench leaves that out. */
const firstUpHostsMax = 40;

/** Measures the real engine, SDK and command plugin on simulated hosts, for each number of hosts. */
export function runSimulatedBench(
  counts: readonly number[],
  { signal, onStep }: BenchSteps,
): Promise<readonly SimulatedResult[]> {
  return cleanly(signal, async (cleanup) => {
    const results: SimulatedResult[] = [];
    for (const hosts of counts) results.push(await measureHosts(hosts, cleanup, { signal, onStep }));
    return results;
  });
}

async function measureHosts(hosts: number, cleanup: Cleanup, { signal, onStep }: BenchSteps): Promise<SimulatedResult> {
  const toolchain = await ensureToolchain({ signal });
  const folder = await mkdtemp(path.join(tmpdir(), "warren-bench-"));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const at = (...names: readonly string[]): string => path.join(folder, ...names);
  // Copies arrive in a folder of the bench; commands read their input and do nothing.
  const answer = `case "$SSH_ORIGINAL_COMMAND" in internal-sftp) exec /usr/lib/openssh/sftp-server -d ${at("home")};; *) exec cat >/dev/null;; esac`;
  const sshd = await startSshd([`ForceCommand ${answer}`, "MaxStartups 1000"]);
  cleanup.add(() => sshd.stop());
  for (const name of ["home", "state", ".warren/artifacts"]) await mkdir(at(name), { recursive: true });
  for (const { source } of Object.values(fixtureArtifacts)) await writeFile(at(source), source);
  await symlink(path.join(checkout, "node_modules"), at("node_modules"));
  await writeFile(at("key"), sshd.privateKey, { mode: 0o600 });
  await writeFile(at("package.json"), '{ "type": "module" }');
  await writeFile(at("index.ts"), `export * from ${JSON.stringify(`${checkout}/tests/bench/simulated-program.ts`)};\n`);
  const leanSdk = path.join(checkout, "infra/lean-sdk.ts");
  await writeFile(
    at("Pulumi.yaml"),
    `name: simulated\nmain: index.ts\nruntime: { name: nodejs, options: { typescript: false, nodeargs: --require=${leanSdk} } }\n`,
  );
  const say = (setting: string): Promise<void> => {
    const told: SimulatedHosts = { hosts, setting, port: sshd.port, hostKey: sshd.hostKey };
    return writeFile(at("hosts.json"), JSON.stringify(told));
  };
  const env = {
    ...process.env,
    ...toolchain.env,
    PATH: [path.dirname(toolchain.pulumi), path.dirname(nodeProgram), process.env.PATH].join(path.delimiter),
    PULUMI_BACKEND_URL: `file://${at("state")}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: "of a bench",
  };
  const pulumi = async (text: string, words: readonly string[], more = {}): Promise<EngineRun> => {
    const child = spawn(toolchain.pulumi, [...words, "--non-interactive", "--stack", "bench"], {
      cwd: folder,
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    cleanup.add(() => ended(child));
    const run = await measured(child, `pulumi ${words.join(" ")}`, "run it again");
    onStep(`${hosts} hosts, ${text}: ${run.seconds.toFixed(1)} s`);
    return run;
  };
  const up = ["up", "--yes", "--skip-preview"];
  await say("first");
  await pulumi("new stack", ["stack", "init"]);
  const isWhole = hosts <= firstUpHostsMax;
  const first = await pulumi("first up", up, isWhole ? {} : { PULUMI_EXPERIMENTAL: "1", PULUMI_SKIP_CHECKPOINTS: "1" });
  const preview = await pulumi("preview", ["preview", "--expect-no-changes"]);
  const nothing = await pulumi("up, nothing to do", [...up, "--expect-no-changes"]);
  const state = at("state/.pulumi/stacks/simulated/bench.json");
  const { size } = await stat(state);
  const { checkpoint } = JSON.parse(await readFile(state, "utf8")) as {
    readonly checkpoint: { readonly latest: { readonly resources: readonly unknown[] } };
  };
  await say("second");
  const setting = await pulumi("one setting on all hosts", up);
  return {
    ...{ hosts, resources: checkpoint.latest.resources.length, stateBytes: size },
    runs: { ...(isWhole ? { "first up": first } : {}), preview, "up, nothing to do": nothing, "one setting": setting },
  };
}
