import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, lastLine } from "./ssh.ts";

/** A socket of this machine that leads to a port of a host's loopback. */
export interface Tunnel {
  readonly path: string;
  /** What ssh said last. */
  readonly lastWords: string;
  close(): Promise<void>;
}

/**
 * By the stack's ssh, so with its keys and over its jump hosts. AMQP is open on a broker's loopback always, and to other hosts only where the config says
 * so; networks of operators are not asked for at all. The socket is in a folder of this user alone: a port would let everybody on this machine in.
 */
export async function openTunnel({ options, host }: Connection, port: number): Promise<Tunnel> {
  const folder = await mkdtemp(join(tmpdir(), "warren-tunnel-"));
  const path = join(folder, "amqp");
  const open = new Set<ChildProcess>();
  let lastWords = "";
  const server = createServer((socket) => {
    // A terminal's Ctrl-C is for this program: what is under way needs its connection.
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
