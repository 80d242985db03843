import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { PropertyMap } from "../lib/values.ts";

/** For tests: a real sshd on the loopback address, with its own keys, as an ordinary process. */
export interface Sshd {
  readonly port: number;
  readonly folder: string;
  readonly privateKey: string;
  readonly hostKey: string;
  /** The `connection` input for it. */
  readonly connection: PropertyMap;
  /** Number of logins so far. */
  logins(): number;
  /** Kills the server and all its connections, like a machine that is switched off. */
  stop(): Promise<void>;
}

const binary = "/usr/sbin/sshd";

export async function startSshd(extraConfig: readonly string[] = []): Promise<Sshd> {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: apt-get install openssh-server`);
  // Privilege separation needs this folder, which the package's service creates at boot.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const folder = await mkdtemp(join(tmpdir(), "warren-sshd-"));
  const path = (name: string) => join(folder, name);
  for (const name of ["host", "user"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path(name)]);
  }
  const port = await freePort();
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${path("host")}`,
    `AuthorizedKeysFile ${path("user.pub")}`,
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "Subsystem sftp internal-sftp",
    ...extraConfig,
  ];
  await writeFile(path("sshd_config"), `${config.join("\n")}\n`);
  const child = spawn(binary, ["-D", "-e", "-f", path("sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let logins = 0;
  const lines = createInterface(child.stderr as NodeJS.ReadableStream);
  lines.on("line", (line) => line.startsWith("Accepted ") && logins++);
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => line.includes("Server listening") && resolve());
    child.once("exit", (code) => reject(new Error(`sshd exited with code ${code} before it listened`)));
  });
  const privateKey = readFileSync(path("user"), "utf8");
  const hostKey = readFileSync(path("host.pub"), "utf8").trim();
  return {
    port,
    folder,
    privateKey,
    hostKey,
    connection: { host: "127.0.0.1", port, user: userInfo().username, privateKey, hostKey, dialErrorLimit: 1 },
    logins: () => logins,
    stop: () => stop(child, folder),
  };
}

/** A port of the loopback address on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Sessions are child processes with their own process groups, found by their parent.
    const sessions = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter(([, parent]) => parent === child.pid)
      .map(([pid]) => pid);
    child.kill("SIGKILL");
    for (const pid of sessions) if (pid) endSession(pid);
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}

/** Kills a session, which may have ended with the daemon. */
function endSession(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
