import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type BrokerSession, openBrokerSession } from "../../../agents/lib/broker-session.ts";
import { brokerConfig } from "../../../agents/lib/config.ts";
import { consume } from "../../../agents/lib/consumer.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { poll } from "../../../scripts/lib/poll.ts";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { Cleanup } from "../../rigs/cleanup.ts";
import { TestedAgent } from "../../rigs/tested-agent.ts";
import type { Surroundings } from "./make-entry.ts";

/** Who owns nothing: rights hold for it, as for the user who runs the agents. */
const nobody = { uid: 65_534, gid: 65_534 };
const ownIds = () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
export const flipName = "flip";
/** Whatever the agent has taken away meanwhile is made again. */
const flipper = `
const { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } = require("node:fs");
const [folder, away, target] = process.argv.slice(1);
const pause = new Int32Array(new SharedArrayBuffer(4));
const steps = [
  () => mkdirSync(folder), () => writeFileSync(folder + "/told", "inside"), () => renameSync(folder, away),
  () => symlinkSync(target, folder), () => Atomics.wait(pause, 0, 0, 1), () => unlinkSync(folder), () => renameSync(away, folder),
  () => Atomics.wait(pause, 0, 0, 1),
];
for (;;) for (const step of steps) try { step(); } catch {}
`;
/** Nothing comes for so long: it stands still. On a busy machine a look through all may take seconds. */
const standstillMs = 30_000;
const pollMs = 50;
export const secretBytes = 7777;

/** One message as it came. */
export interface Heard {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Folders for an agent and around them, the agent as a process of a user without rights, and what it sends. */
export class FileRig {
  readonly folder: string;
  readonly cleanup = new Cleanup();
  readonly around: Surroundings;
  readonly #broker: LocalBroker | undefined;
  readonly #before: readonly string[];
  #agent: TestedAgent | undefined;
  #lastMs = performance.now();

  /** `broker`: undefined where the agent needs none; then it also runs as this process's user, who has what it needs instead. */
  constructor(name: string, broker: LocalBroker | undefined, largeBytes: number) {
    this.#broker = broker;
    this.folder = mkdtempSync(join(tmpdir(), `warren-fuzz-${name}-`));
    const drop = ["setpriv", `--reuid=${nobody.uid}`, `--regid=${nobody.gid}`, "--clear-groups", "--"];
    const [command = "", ...args] = [...drop, "test", "-r", join(checkout, "agents/lib/scan.ts")];
    this.#before = broker && process.getuid?.() === 0 && spawnSync(command, args).status === 0 ? drop : [];
    // Deeper than PATH_MAX: what goes by paths can't remove it.
    this.cleanup.add(() => execFileSync("rm", ["-rf", this.folder]));
    const outside = join(this.folder, "outside");
    const secretFolder = join(outside, "folder");
    mkdirSync(secretFolder, { recursive: true });
    const secret = Buffer.alloc(secretBytes, "secret ");
    for (const file of [join(outside, "secret"), join(secretFolder, "told")]) writeFileSync(file, secret);
    this.around = {
      ...{ outside, secretFile: join(outside, "secret"), secretFolder, secretName: "told", nameInUse: "in-use" },
      ...{ largeBytes, servers: [], owner: this.#before.length > 0 ? nobody : ownIds() },
    };
    this.cleanup.add(() => {
      for (const server of this.around.servers) server.close();
    });
    for (const path of [this.folder, outside, secretFolder]) this.give(path);
  }

  /** To the user who runs the agent. */
  give(path: string | Buffer): void {
    chownSync(path, this.around.owner.uid, this.around.owner.gid);
  }

  /** Made and given to that user. */
  makeFolder(...names: string[]): string {
    const path = join(this.folder, ...names);
    mkdirSync(path, { recursive: true });
    this.give(path);
    return path;
  }

  get brokerSettings() {
    const { amqpPort = 0, adminUser: user = "" } = this.#broker ?? {};
    const passwordFile = join(this.folder, "password");
    return { hosts: [`127.0.0.1:${amqpPort}`], user, passwordFile, reconnectDelayMaxMs: 300 };
  }

  /** Declares an exchange and hears all that is sent to it. */
  async hear(exchange: string, onMessage: (message: Heard) => void): Promise<void> {
    const passwordFile = join(this.folder, "password");
    writeFileSync(passwordFile, this.#broker?.adminPassword ?? "");
    const log = pino({ level: "silent" });
    const queue = `${exchange}.heard`;
    const topology = {
      exchanges: [{ name: exchange, type: "topic" as const }],
      queues: [{ name: queue, bindings: [{ exchange, pattern: "#" }] }],
    };
    const config = brokerConfig.parse(this.brokerSettings);
    const session: BrokerSession = openBrokerSession({ config, log, name: "fuzz", topology });
    this.cleanup.add(() => session.close());
    await session.ready();
    consume({
      ...{ session, queue, prefetch: 500, log, agent: "fuzz" },
      handle: ({ body, headers }) => {
        this.#lastMs = performance.now();
        onMessage({ body, headers });
        return "ack";
      },
    });
  }

  async start(agent: string, config: object): Promise<TestedAgent> {
    const configFile = join(this.folder, `${agent}.json`);
    writeFileSync(configFile, JSON.stringify({ ...config, metrics: { port: 0 } }));
    const stateDirectory = this.makeFolder("state");
    const process = new TestedAgent({ agent, configFile, stateDirectory, before: this.#before });
    this.#agent = process;
    this.cleanup.add(() => process.kill());
    await process.logged({ event: "ready" });
    return process;
  }

  get agent(): TestedAgent {
    if (!this.#agent) throw new Error("no agent was started");
    return this.#agent;
  }

  /**
   * Until the end a folder of `root` is now one with a file in it, now a link to the secret folder, where a file of the same name is: whoever looks, and
   * then opens, may find another one each time.
   */
  flip(root: string): void {
    const { outside, secretFolder } = this.around;
    const argv = ["-e", flipper, join(root, flipName), join(outside, "flipped"), secretFolder];
    const { uid, gid } = this.around.owner;
    const child = spawn(process.execPath, argv, { stdio: "ignore", uid, gid });
    this.cleanup.add(() => child.kill("SIGKILL"));
  }

  /** What lies outside is there, and as it was. */
  get isSecretKept(): boolean {
    const { secretFolder, secretName } = this.around;
    return existsSync(join(secretFolder, secretName)) && readdirSync(secretFolder).length === 1;
  }

  /** Something was seen to go on. */
  progress(): void {
    this.#lastMs = performance.now();
  }

  /** Until it holds; false where it doesn't and nothing has come for long, or the agent has ended. */
  async until(holds: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<boolean> {
    this.progress();
    const isOver = () => this.agent.exitCode !== undefined || performance.now() - this.#lastMs > standstillMs;
    const ask = async () => ((await holds()) ? "holds" : isOver() && "is over");
    return (await poll(ask, { everyMs: pollMs, signal })) === "holds";
  }

  /** Of its end; undefined while it runs. */
  get endFault(): string | undefined {
    const { exitCode } = this.agent;
    return exitCode === undefined ? undefined : `the agent ended (${exitCode})`;
  }
}

/** Names in a folder of the rig; none where it is gone or closed. */
export function namesIn(folder: string): Buffer[] {
  try {
    return statSync(folder).isDirectory() ? readdirSync(folder, { encoding: "buffer" }) : [];
  } catch {
    return [];
  }
}
