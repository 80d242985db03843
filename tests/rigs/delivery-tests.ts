import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { FileServer, type FileServerOptions } from "./file-server.ts";
import { TestedAgent } from "./tested-agent.ts";

/** A file on the server. */
export interface Delivered {
  readonly mode: number;
  readonly content: Buffer;
}

const permissionBits = 0o777;
/** The tests' senders deliver below this path, relative to the user's login folder. */
const tree = "radar/24_HR_ACCUM/GIF/XSS";

/** For one test of deliveries: a server, a txq, the txq for notifications, and processes that are killed after the test. */
export class DeliveryTest {
  readonly server: FileServer;
  readonly folder: string;
  readonly #kind: FileServerOptions["kind"];
  readonly #agents: TestedAgent[] = [];

  private constructor(server: FileServer, kind: FileServerOptions["kind"]) {
    this.server = server;
    this.#kind = kind;
    this.folder = mkdtempSync(path.join(tmpdir(), "warren-delivery-"));
    for (const name of ["txq/3/new", "notify"]) mkdirSync(path.join(this.folder, name), { recursive: true });
    this.trustServer();
  }

  static async start(options: FileServerOptions): Promise<DeliveryTest> {
    return new DeliveryTest(await FileServer.start(options), options.kind);
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) await agent.kill();
    await this.server.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Writes the server's current host key to the senders' known_hosts. */
  trustServer(): void {
    writeFileSync(path.join(this.folder, "known_hosts"), this.server.knownHosts);
  }

  /** A sender's config: files with names of four fields go below `tree`, by a rule of the source's kind. */
  config(own: object = {}, server: object = {}): object {
    const login =
      this.#kind === "sftp"
        ? { keyFile: this.server.keyFile, knownHostsFile: path.join(this.folder, "known_hosts") }
        : { passwordFile: this.server.passwordFile };
    const pauses = { reconnectDelayMinMs: 50, reconnectDelayMaxMs: 500 };
    return {
      metrics: { port: 0 },
      type: this.#kind,
      queueDirectory: path.join(this.folder, "txq"),
      rules: [{ accept: "[^:]*:URP:(\\w+):RADAR:GIF", directory: "radar/24_HR_ACCUM/GIF/$".concat("{0}") }],
      ...{ validation: false, noDuplicates: false, settleMs: 0, retryDelayMaxMs: 500, chmod: "775" },
      server: { host: "127.0.0.1", port: this.server.port, user: this.server.user, ...login, ...pauses, ...server },
      notify: { queueDirectory: path.join(this.folder, "notify"), baseUrl: "http://dd1.weather.gc.ca/" },
      ...own,
    };
  }

  /** Starts the sender as a process, which is killed after the test; not ready yet. */
  send(config: object): TestedAgent {
    const configFile = path.join(this.folder, "sender.json");
    writeFileSync(configFile, JSON.stringify(config));
    const agent = new TestedAgent({ agent: "sender", configFile, stateDirectory: path.join(this.folder, "state") });
    this.#agents.push(agent);
    return agent;
  }

  /** Tests the sender's last config with a process that logs in and exits. */
  logIn() {
    const program = path.join(import.meta.dirname, "../../agents/sender/main.ts");
    const configFile = path.join(this.folder, "sender.json");
    return execa(process.execPath, [program, "--config", configFile, "--log-in"], { reject: false });
  }

  /** Puts a file into the txq as producers do: written under a name with a leading dot, then renamed. */
  put(name: string, content: string | Buffer): void {
    const at = (file: string) => path.join(this.folder, "txq/3/new", file);
    writeFileSync(at(".new"), content);
    renameSync(at(".new"), at(name));
  }

  /** A product's name in the txq. */
  nameOf(what: string): string {
    return `${what}:URP:XSS:RADAR:GIF::20130606144709`;
  }

  /** Names left in the txq. */
  left(): string[] {
    return readdirSync(path.join(this.folder, "txq/3/new")).filter((name) => name !== ".new");
  }

  /** Names in `tree` on the server; empty if it doesn't exist. */
  names(): string[] {
    try {
      return readdirSync(this.server.see(tree));
    } catch {
      return [];
    }
  }

  /** Undefined if it doesn't exist, or disappears while it is read. */
  find(name: string): Delivered | undefined {
    try {
      const file = this.server.see(tree, name);
      const mode = lstatSync(file).mode & permissionBits;
      return { mode, content: readFileSync(file) };
    } catch {
      return undefined;
    }
  }

  /** Names of notifications. */
  toldNames(): string[] {
    return this.#notifications().map(({ name }) => name);
  }

  /** Contents of notifications by name. */
  notifications(): Map<string, string> {
    return new Map(
      this.#notifications().map(({ name, parentPath }) => [name, readFileSync(path.join(parentPath, name), "utf8")]),
    );
  }

  /** Reasons of files that were set aside, by name. */
  aside(): Record<string, string> {
    const folder = path.join(this.folder, "txq/.aside");
    const notes = readdirSync(folder).filter((name) => name.endsWith(".json"));
    const failures = notes.map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")));
    return Object.fromEntries(failures.map(({ name, reason }) => [name, reason]));
  }

  #notifications() {
    const entries = readdirSync(path.join(this.folder, "notify"), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  }
}
