import { once } from "node:events";
import { createConnection, createServer, type Server } from "node:net";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { openTunnel, type Tunnel } from "../../infra/hosts/tunnel.ts";
import { pagePort } from "../../infra/model/monitor-page.ts";
import { monitorHosts } from "../../infra/model/monitored-hosts.ts";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { port, type RunbookFlags, runbookOptions, stackOf } from "../lib/options.ts";

interface Flags extends RunbookFlags {
  readonly port: number;
}

/** `./warren watch -s STACK`: opens the way to the live page of a monitor, until Ctrl-C. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--port <number>", "port on this machine's loopback", port, pagePort)
    .addHelpText(
      "after",
      `
The live page is served on a monitor's loopback only. This forwards a port of this machine to it by the stack's ssh, and prints
the address to open. Meanwhile every user of this machine can read the page; nobody can change anything by it.
Exit codes: 0 ended by Ctrl-C, 1 failed, 2 the command line is invalid.

  ./warren watch -s op
  ./warren watch -s op --port 8080`,
    )
    .action(watch);
}

async function watch(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "watch");
  const config = readCommittedConfig(stack);
  const reach = await openHosts(stack, config);
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, end);
  const { host, tunnel } = await firstThatAnswers(stack, monitorHosts(config), (name) =>
    openTunnel(reach.connectionTo(name), pagePort),
  );
  const server = await forward(tunnel, flags.port);
  try {
    const address = `http://127.0.0.1:${flags.port}/`;
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ address, host })}\n`
        : `${address} is the live page of ${host}; Ctrl-C ends this\n`,
    );
    if (!ended.signal.aborted) await once(ended.signal, "abort");
  } finally {
    server.close();
    await tunnel.close();
  }
}

/**
 * Of two monitors the first one whose page answers.
 * @throws UserError if there is none, or none answers
 */
export async function firstThatAnswers(
  stack: string,
  monitors: readonly string[],
  open: (host: string) => Promise<Tunnel>,
): Promise<{ readonly host: string; readonly tunnel: Tunnel }> {
  const why: string[] = [];
  for (const host of monitors) {
    const tunnel = await open(host);
    if (await answers(tunnel)) return { host, tunnel };
    why.push(`${host}: ${tunnel.lastWords || "nothing listens there"}`);
    await tunnel.close();
  }
  if (why.length > 0)
    throw new UserError(stack, `no live page answers: ${why.join("; ")}`, `run ./warren verify -s ${stack}`);
  throw new UserError(
    stack,
    "has no host with the role monitor",
    "give a host in `warren:hosts` the role, see docs/live-page.md",
  );
}

const answerTimeoutMs = 15_000;

/** Whether a web server answers at the other end. */
async function answers({ path }: Tunnel): Promise<boolean> {
  const socket = createConnection(path);
  try {
    // Not closed on this side: the tunnel would end with it.
    socket.write("HEAD /view HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(answerTimeoutMs) })) as [Buffer];
    return chunk.toString("latin1").startsWith("HTTP/1.1 200");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port on loopback whose connections go through the tunnel. @throws UserError if the port is in use */
export async function forward({ path }: Pick<Tunnel, "path">, localPort: number): Promise<Server> {
  const server = createServer((socket) => {
    const far = createConnection(path);
    for (const one of [socket, far]) one.on("error", () => [socket, far].map((each) => each.destroy()));
    socket.pipe(far).pipe(socket);
  });
  server.listen(localPort, "127.0.0.1");
  await once(server, "listening").catch((error: Error) => {
    throw new UserError(`port ${localPort}`, `can't be used: ${error.message}`, "give another one: --port NUMBER", {
      cause: error,
    });
  });
  return server;
}
