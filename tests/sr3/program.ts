import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { endingWithParent } from "../../agents/lib/with-parent.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { PythonInstallation } from "./installation.ts";

/** sr3's programs that tests run: sources, a client, and a filter between exchanges. */
export type Sr3Component = "watch" | "post" | "subscribe" | "winnow";

const startTimeoutMs = 60_000;

/** As sr3's configs have it: with the user, without the password. */
export const sr3AddressOf = ({ adminUser, amqpPort }: Pick<LocalBroker, "adminUser" | "amqpPort">): string =>
  `amqp://${adminUser}@127.0.0.1:${amqpPort}/`;

interface Input {
  /** `sr3AddressOf` it. */
  readonly broker: string;
  readonly exchange: string;
  readonly topicPrefix: string;
  readonly queue: string;
  readonly prefetch: number;
}

/**
 * The fastest settings of a program that reads from a queue: messages are pushed to it, each is handled at once. By default it asks for
 * them, with pauses of up to 5 s.
 */
export const consumerSettings = ({ broker, exchange, topicPrefix, queue, prefetch }: Input): readonly string[] => [
  ...[`broker ${broker}`, `exchange ${exchange}`, `topicPrefix ${topicPrefix}`, `queueName ${queue}`],
  ...["durable True", "auto_delete False", "expire 1h"],
  ...["amqp_consumer True", "batch 1", "sleep 0", `prefetch ${prefetch}`],
  // Last: a subscription has the settings above its `subtopic`.
  "subtopic #",
];

/** Of a `subscribe` that places files in one folder, without owner, mode and time of the served one. */
export const receiverSettings = (directory: string): readonly string[] => [
  ...[`directory ${directory}`, "mirror False", "inflight .tmp", "timeCopy False", "permCopy False"],
];

/** `product.Product`: `winnow` compares products' names, as the dispatcher does; by default it compares contents. */
export const productNamePlugin = `from sarracenia.flowcb import FlowCB

class Product(FlowCB):
    def after_accept(self, worklist):
        for m in worklist.incoming:
            name = m["relPath"].split("/")[-1].split("::")[0]
            m["nodupe_override"] = {"key": name, "path": name}
            m["_deleteOnPost"] |= set(["nodupe_override"])
`;

/** Configs, state and processes of sr3 in a folder of their own, as of one user on one host. */
export class Sr3 {
  readonly #installation: PythonInstallation;
  readonly #folder: string;
  readonly #running = new Set<Sr3Process>();

  /** `brokerUrl` with user and password, which sr3 reads from its file of credentials. */
  constructor(installation: PythonInstallation, folder: string, brokerUrl: string) {
    this.#installation = installation;
    this.#folder = folder;
    mkdirSync(path.join(folder, "sr3/plugins"), { recursive: true });
    writeFileSync(path.join(folder, "sr3/credentials.conf"), `${brokerUrl}\n`, { mode: 0o600 });
  }

  /** Writes a config file: one option a line. */
  configure(component: Sr3Component, name: string, lines: readonly string[]): void {
    const folder = path.join(this.#folder, "sr3", component);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${name}.conf`), `${lines.join("\n")}\n`);
  }

  /** Starts a component in the foreground, whose config exists; it runs until it is stopped. */
  start(component: Sr3Component, name: string): Sr3Process {
    return this.#run(["-m", "sarracenia.instance", "--no", "1", "foreground", `${component}/${name}`]);
  }

  /** `sr3_post`: announces files and folders, with everything below, and exits. @throws Error with its log, if it fails */
  async post(name: string, paths: readonly string[]): Promise<void> {
    const post = this.#run(["-m", "sarracenia.sr_post", "-c", name, ...paths]);
    const [code] = await post.ended;
    if (code !== 0) throw new Error(`sr3_post exited with ${code}: ${post.log.slice(-2000)}`);
  }

  async killAll(): Promise<void> {
    for (const running of this.#running) await running.kill();
  }

  #run(args: readonly string[]): Sr3Process {
    const { python, modules } = this.#installation;
    // -S: without the machine's own modules, of which some (boto3) have sr3 load parts that need further ones.
    const [command, ...argv] = endingWithParent([python, "-S", ...args]);
    const child = spawn(command, argv, {
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH,
        HOME: this.#folder,
        XDG_CONFIG_HOME: this.#folder,
        XDG_CACHE_HOME: path.join(this.#folder, "cache"),
        PYTHONPATH: modules,
        LC_ALL: "C.UTF-8",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const running = new Sr3Process(child);
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }
}

/** A process of sr3, with its log. */
export class Sr3Process {
  log = "";
  /** Exit code and signal. */
  readonly ended: Promise<unknown[]>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.log += text;
      });
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when the log has it. @throws Error with the log's end, if it does not come */
  async logged(wanted: RegExp): Promise<void> {
    const found = await poll(() => wanted.test(this.log), { everyMs: 50, withinMs: startTimeoutMs });
    if (!found) throw new Error(`sr3 did not log ${wanted}: ${this.log.slice(-2000)}`);
  }

  /** SIGTERM, as `sr3 stop` does: it finishes its batch. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
