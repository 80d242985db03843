import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { isAlive } from "../../infra/process-stat.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { findProgram, vsftpd } from "./unpacked-program.ts";

export interface FileServerOptions {
  readonly kind: "sftp" | "ftp";
  /** Size of a separate disk for the data, which is lost when the server stops. Without it the data is on the machine's disk. */
  readonly diskBytes?: number;
  /** More lines for the config of sshd or vsftpd. */
  readonly config?: readonly string[];
}

/** Not a user of the machine: the server sees our files instead of /etc/passwd and /etc/shadow. */
const user = { name: "wxofeed", uid: 20_441, password: "wxofeed's password" };
const probeIntervalMs = 20;
const bootTimeoutMs = 60_000;
const setpriv = ["setpriv", "--pdeathsig", "KILL"];

/**
 * For tests: a real sshd with internal-sftp, or a real vsftpd, on a free port of 127.0.0.1, with its own user. It runs in mount and process
 * namespaces: it changes nothing on the machine, and one kill stops it with all its sessions, also when this process dies. Needs root.
 */
export class FileServer {
  readonly port: number;
  /** The user's login folder, which it may write to. */
  readonly data: string;
  readonly user = user.name;
  readonly passwordFile: string;
  readonly keyFile: string;
  readonly #options: FileServerOptions;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #output = "";

  private constructor(options: FileServerOptions, port: number, folder: string) {
    this.#options = options;
    this.port = port;
    this.#folder = folder;
    this.data = path.join(folder, "data");
    this.passwordFile = path.join(folder, "password");
    this.keyFile = path.join(folder, "user");
  }

  /** Resolves when it accepts connections. @throws UserError without root */
  static async start(options: FileServerOptions): Promise<FileServer> {
    if (process.getuid?.() !== 0) {
      throw new UserError("file server", "needs root for namespaces and its own user", "run the tests as root");
    }
    const folder = mkdtempSync(path.join(tmpdir(), "warren-files-"));
    const server = new FileServer(options, await freePort(), folder);
    server.#prepare();
    await server.start();
    return server;
  }

  /** The host's public key, as a line of known_hosts. */
  get knownHosts(): string {
    const [type, key] = readFileSync(path.join(this.#folder, "host.pub"), "utf8").split(" ");
    return `[127.0.0.1]:${this.port} ${type} ${key}\n`;
  }

  /** The key's fingerprint, as ssh-keygen prints it. */
  get fingerprint(): string {
    const printed = execFileSync("ssh-keygen", ["-lf", path.join(this.#folder, "host.pub")], { encoding: "utf8" });
    return printed.split(" ")[1] ?? "";
  }

  /** Path in this process of a path below the user's login. */
  see(...names: string[]): string {
    if (this.#options.diskBytes === undefined) return path.join(this.data, ...names);
    return path.join(`/proc/${firstInside(this.#process)}/root`, this.data, ...names);
  }

  /** Starts it again on the same port, with the same data. */
  async start(): Promise<void> {
    const { command, env } = await this.#command();
    const namespaces = [
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
    ];
    const [program = "", ...args] = [...setpriv, ...namespaces, "sh", "-ec", this.#script, "file-server", ...command];
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-4000);
      });
    }
    this.#process = child;
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const asked = async () => ((await takesConnections(this.port)) ? "answers" : hasEnded() && "has exited");
    if ((await poll(asked, { everyMs: probeIntervalMs, withinMs: bootTimeoutMs })) !== "answers")
      throw new Error(`the file server didn't start: ${this.#output}`);
  }

  /** SIGKILL to it and all its sessions, as in a power cut. Resolves when the last of them is dead. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    const first = firstInside(child);
    child.kill("SIGKILL");
    await exited;
    // The kernel kills it with its parent, and it exits after all others in its namespace.
    await poll(() => first === undefined || !isAlive(first), { everyMs: probeIntervalMs });
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Makes a new host key, as after a reinstallation. Used from the next start. */
  changeHostKey(): void {
    for (const name of ["host", "host.pub"]) rmSync(path.join(this.#folder, name), { force: true });
    makeKey(path.join(this.#folder, "host"));
  }

  #prepare(): void {
    const file = (name: string) => path.join(this.#folder, name);
    const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], { input: user.password, encoding: "utf8" }).trim();
    const shell = "/bin/sh";
    const line = `${user.name}:x:${user.uid}:${user.uid}::${this.data}:${shell}\n`;
    writeFileSync(file("passwd"), readFileSync("/etc/passwd", "utf8") + line, { mode: 0o644 });
    writeFileSync(file("shadow"), `root:*:19000::::::\n${user.name}:${hash}:19000::::::\n`, { mode: 0o600 });
    writeFileSync(this.passwordFile, `${user.password}\n`, { mode: 0o600 });
    for (const name of ["data", "empty", "pam.d"]) mkdirSync(file(name), { mode: 0o755 });
    for (const name of [".", "data"]) chownSync(file(name), name === "." ? 0 : user.uid, name === "." ? 0 : user.uid);
    execFileSync("chmod", ["755", this.#folder]);
    const pam = [
      "auth required pam_unix.so nodelay",
      "account required pam_unix.so",
      "session required pam_permit.so",
      "",
    ];
    writeFileSync(file("pam.d/vsftpd"), pam.join("\n"));
    for (const name of ["host", "user"]) makeKey(file(name));
    writeFileSync(file("config"), `${this.#config().join("\n")}\n`, { mode: 0o600 });
  }

  #config(): string[] {
    const file = (name: string) => path.join(this.#folder, name);
    const more = this.#options.config ?? [];
    if (this.#options.kind === "sftp") {
      return [
        ...[`Port ${this.port}`, "ListenAddress 127.0.0.1", `HostKey ${file("host")}`, "PidFile none", "UsePAM no"],
        ...[`AuthorizedKeysFile ${file("user.pub")}`, "StrictModes no", "PasswordAuthentication yes"],
        ...["Subsystem sftp internal-sftp", "MaxStartups 100", ...more],
      ];
    }
    return [
      ...["listen=YES", `listen_port=${this.port}`, "listen_address=127.0.0.1", "background=NO"],
      ...["anonymous_enable=NO", "local_enable=YES", "write_enable=YES", "local_umask=022", "pam_service_name=vsftpd"],
      ...[`secure_chroot_dir=${file("empty")}`, "seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO"],
      ...["xferlog_enable=NO", "delay_failed_login=0", "connect_from_port_20=NO", ...more],
    ];
  }

  async #command(): Promise<{ command: readonly string[]; env: Readonly<Record<string, string>> }> {
    const config = path.join(this.#folder, "config");
    if (this.#options.kind === "sftp") return { command: ["/usr/sbin/sshd", "-D", "-e", "-f", config], env: {} };
    const { command, env } = await findProgram(vsftpd);
    return { command: [command, config], env };
  }

  /** Mounts our files over the machine's, then runs the server as a child: the first process of a namespace inherits orphans, which no server expects. */
  get #script(): string {
    const at = (name: string) => `'${path.join(this.#folder, name)}'`;
    const lines = [
      `mount --bind ${at("passwd")} /etc/passwd`,
      `mount --bind ${at("shadow")} /etc/shadow`,
      ...(existsSync("/etc/pam.d") ? [`mount --bind ${at("pam.d")} /etc/pam.d`] : []),
      // sshd's privilege separation needs this folder, which its service makes at boot.
      ...(this.#options.kind === "sftp" ? ["mkdir -p /run/sshd"] : []),
      ...(this.#options.diskBytes === undefined
        ? []
        : [`mount -t tmpfs -o size=${this.#options.diskBytes},uid=${user.uid},mode=755 tmpfs ${at("data")}`]),
      '"$@" & wait "$!"',
    ];
    return lines.join("\n");
  }
}

/** The first process of the namespace. */
function firstInside(server: ChildProcess | undefined): number | undefined {
  const inner = readFileSync(`/proc/${server?.pid}/task/${server?.pid}/children`, "utf8").trim();
  return inner === "" ? undefined : Number(inner);
}

function makeKey(file: string): void {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
