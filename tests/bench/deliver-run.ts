import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as z from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import type { configSchema } from "../../agents/sender/config.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { FileServer } from "../rigs/file-server.ts";
import { TestedAgent } from "../rigs/tested-agent.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import type { DeliverPlan, DeliverResult, Round } from "./deliver-report.ts";

export const fullDeliverPlan: DeliverPlan = { rounds: 5, files: 1000, fileBytes: 40_000 };

/** Only to test the bench: its figures mean little. */
export const quickDeliverPlan: DeliverPlan = { ...fullDeliverPlan, rounds: 1, files: 100 };

export interface DeliverBenchOptions extends BenchSteps {
  readonly plan: DeliverPlan;
}

const stalledAfterMs = 120_000;
const probeIntervalMs = 5;

/**
 * Delivers the same files to one sshd with the sender and with OpenSSH's sftp, alternately. Server, sender and folders are removed before
 * it resolves or rejects.
 */
export function runDeliverBench({ plan, signal, onStep }: DeliverBenchOptions): Promise<DeliverResult> {
  return cleanly(signal, async (cleanup) => {
    const server = await FileServer.start({ kind: "sftp" });
    cleanup.add(() => server.stop());
    const directory = mkdtempSync(join(tmpdir(), "warren-bench-"));
    cleanup.add(async () => rmSync(directory, { recursive: true, force: true }));
    const scene: Scene = { plan, server, directory, signal };
    const rates: Round[] = [];
    const senders = [false, true].map((notifies) => startSender(scene, notifies, cleanup));
    const [plain, notifying] = await Promise.all(senders);
    if (!plain || !notifying) throw new TypeError("no sender");
    // The first round warms everything up.
    for (let round = 0; round <= plan.rounds; round += 1) {
      onStep(round === 0 ? "warming up" : `round ${round} of ${plan.rounds}`);
      const login = await bySftp(scene, round, 0);
      const sftp = (await bySftp(scene, round, plan.files)) - login;
      const sender = await bySender(scene, plain, round);
      const senderTold = await bySender(scene, notifying, round);
      const rate = (seconds: number) => plan.files / seconds;
      if (round > 0) rates.push({ sftp: rate(sftp), sender: rate(sender), senderTold: rate(senderTold) });
    }
    return { plan, rounds: rates };
  });
}

interface Scene {
  readonly plan: DeliverPlan;
  readonly server: FileServer;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** A running sender's txq. */
async function startSender({ server, directory }: Scene, notifies: boolean, cleanup: Cleanup): Promise<string> {
  const name = notifies ? "notifying" : "plain";
  const txq = join(directory, name);
  const notifyDirectory = join(directory, `${name}-notify`);
  for (const folder of [join(txq, "3"), notifyDirectory]) mkdirSync(folder, { recursive: true });
  const config: z.input<typeof configSchema> = {
    type: "sftp",
    metrics: { port: 0 },
    queueDirectory: txq,
    rules: [{ accept: "([^-]*)-", directory: `${name}/$`.concat("{0}") }],
    ...{ validation: false, noDuplicates: false, settleMs: 0 },
    server: {
      host: "127.0.0.1",
      port: server.port,
      user: server.user,
      keyFile: server.keyFile,
      hostKeys: [server.fingerprint],
    },
    ...(notifies ? { notify: { queueDirectory: notifyDirectory, baseUrl: "http://dd1.weather.gc.ca/" } } : {}),
  };
  const configFile = join(directory, `${name}.json`);
  writeFileSync(configFile, JSON.stringify(config));
  const sender = new TestedAgent({ agent: "sender", configFile, stateDirectory: join(directory, `${name}-state`) });
  cleanup.add(() => sender.kill());
  await sender.logged("connected");
  return txq;
}

const fileName = (round: number, count: number) => `round${round}-${count}.gif`;

function makeFiles(folder: string, round: number, { files, fileBytes }: DeliverPlan): void {
  mkdirSync(folder, { recursive: true });
  const content = Buffer.alloc(fileBytes, `round ${round};`);
  for (let count = 0; count < files; count += 1) writeFileSync(join(folder, fileName(round, count)), content);
}

/** Seconds until all files have left the txq. Each leaves when it is on the server. */
async function bySender({ plan, directory, signal }: Scene, txq: string, round: number): Promise<number> {
  const staged = join(directory, "staged");
  makeFiles(staged, round, plan);
  const folder = join(txq, "3", `round${round}`);
  const began = performance.now();
  renameSync(staged, folder);
  const isEmpty = () => readdirSync(folder).length === 0;
  if (!(await poll(isEmpty, { everyMs: probeIntervalMs, withinMs: stalledAfterMs, signal })))
    throw new UserError("sender", "did not deliver all files within two minutes");
  return (performance.now() - began) / 1000;
}

/** Seconds of one run of `sftp -b` with `files` files. */
async function bySftp({ plan, server, directory, signal }: Scene, round: number, files: number): Promise<number> {
  const folder = join(directory, "for-sftp");
  makeFiles(folder, round, { ...plan, files });
  writeFileSync(join(directory, "known_hosts"), server.knownHosts);
  const puts = Array.from({ length: files }, (_, count) => `put ${join(folder, fileName(round, count))}`);
  const batch = [`-mkdir by-sftp`, `-mkdir by-sftp/${round}`, `cd by-sftp/${round}`, ...puts, ""].join("\n");
  writeFileSync(join(directory, "batch"), batch);
  const options = [
    ...["-q", "-b", join(directory, "batch"), "-P", String(server.port), "-i", server.keyFile, "-F", "none"],
    ...["-o", "IdentitiesOnly=yes", "-o", `UserKnownHostsFile=${join(directory, "known_hosts")}`],
  ];
  const began = performance.now();
  const child = spawn("sftp", [...options, `${server.user}@127.0.0.1`], { stdio: "ignore", signal });
  const [code] = await once(child, "exit");
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new UserError("sftp", `exited with ${code}`);
  rmSync(folder, { recursive: true });
  return seconds;
}
