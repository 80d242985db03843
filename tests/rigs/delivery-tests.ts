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

/** What is under a name on the server. */
export interface Delivered {
  readonly mode: number;
  readonly content: Buffer;
}

const permissionBits = 0o777;
/** Of a path relative to the user's login: where the tests' senders put what they deliver. */
const tree = "radar/24_HR_ACCUM/GIF/XSS";

/** What one test of the sender's delivery has: a server, a txq, the txq that is told, and processes that end with it. */
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

  /** Writes the host's key, as it is now, where senders look for it. */
  trustServer(): void {
    writeFileSync(path.join(this.folder, "known_hosts"), this.server.knownHosts);
  }

  /** A sender's config: names of four fields go below `tree`, by a rule of the source's kind. */
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

  /** The sender as a process of its own, killed when the test is over; not ready yet. */
  send(config: object): TestedAgent {
    const configFile = path.join(this.folder, "sender.json");
    writeFileSync(configFile, JSON.stringify(config));
    const agent = new TestedAgent({ agent: "sender", configFile, stateDirectory: path.join(this.folder, "state") });
    this.#agents.push(agent);
    return agent;
  }

  /** The sender's config of last, tried by a process that logs in and ends. */
  logIn() {
    const program = path.join(import.meta.dirname, "../../agents/sender/main.ts");
    const configFile = path.join(this.folder, "sender.json");
    return execa(process.execPath, [program, "--config", configFile, "--log-in"], { reject: false });
  }

  /** As whoever puts files into a txq: written under a name with a dot, then renamed. */
  put(name: string, content: string | Buffer): void {
    const at = (file: string) => path.join(this.folder, "txq/3/new", file);
    writeFileSync(at(".new"), content);
    renameSync(at(".new"), at(name));
  }

  /** A product's name in the txq. */
  nameOf(what: string): string {
    return `${what}:URP:XSS:RADAR:GIF::20130606144709`;
  }

  /** Names that are still in the txq. */
  left(): string[] {
    return readdirSync(path.join(this.folder, "txq/3/new")).filter((name) => name !== ".new");
  }

  /** Names in `tree` on the server; none where it is not there. */
  names(): string[] {
    try {
      return readdirSync(this.server.see(tree));
    } catch {
      return [];
    }
  }

  /** Undefined where it is not there, or goes while it is read. */
  find(name: string): Delivered | undefined {
    try {
      const file = this.server.see(tree, name);
      const mode = lstatSync(file).mode & permissionBits;
      return { mode, content: readFileSync(file) };
    } catch {
      return undefined;
    }
  }

  /** Of notifications. */
  toldNames(): string[] {
    return this.#told().map(({ name }) => name);
  }

  /** Notifications by their names, with what they say. */
  notifications(): Map<string, string> {
    return new Map(
      this.#told().map(({ name, parentPath }) => [name, readFileSync(path.join(parentPath, name), "utf8")]),
    );
  }

  /** Reasons of the files that were put aside, by name. */
  aside(): Record<string, string> {
    const folder = path.join(this.folder, "txq/.aside");
    const notes = readdirSync(folder).filter((name) => name.endsWith(".json"));
    const told = notes.map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")));
    return Object.fromEntries(told.map(({ name, reason }) => [name, reason]));
  }

  #told() {
    const entries = readdirSync(path.join(this.folder, "notify"), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  }
}
