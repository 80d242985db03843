import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, lastLine } from "./ssh.ts";

/** A socket on this machine that is forwarded to a port of a host's loopback. */
export interface Tunnel {
  readonly path: string;
  /** ssh's last output line. */
  readonly lastWords: string;
  close(): Promise<void>;
}

/**
 * Uses the stack's ssh, so its keys and jump hosts. A broker always accepts AMQP on its loopback, but from other hosts only if the config allows it,
 * and never depends on the operators' networks there. The socket is in a private folder: a port would be open to every user of this machine.
 */
export async function openTunnel({ options, host }: Connection, port: number): Promise<Tunnel> {
  const folder = await mkdtemp(join(tmpdir(), "warren-tunnel-"));
  const path = join(folder, "amqp");
  const open = new Set<ChildProcess>();
  let lastWords = "";
  const server = createServer((socket) => {
    // Detached, so that a terminal's Ctrl-C reaches only this program: work in progress needs its connection.
    const ssh = spawn("ssh", [...options, "-W", `127.0.0.1:${port}`, host], { detached: true });
    open.add(ssh);
    ssh.stderr.on("data", (chunk: Buffer) => {
      lastWords = lastLine(chunk.toString());
    });
    ssh.on("error", (error) => {
      lastWords = error.message;
      socket.destroy();
    });
    ssh.on("close", () => {
      open.delete(ssh);
      socket.destroy();
    });
    socket.on("close", () => ssh.kill());
    pipeBoth(socket, ssh);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    get lastWords() {
      return lastWords;
    },
    async close() {
      for (const ssh of open) ssh.kill();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function pipeBoth(socket: Socket, { stdin, stdout }: ChildProcess): void {
  for (const stream of [socket, stdin, stdout]) stream?.on("error", () => socket.destroy());
  if (stdin) socket.pipe(stdin);
  stdout?.pipe(socket);
}
