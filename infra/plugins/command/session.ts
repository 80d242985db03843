import type { ClientChannel, SFTPWrapper } from "ssh2";
import type { Operation } from "../lib/handlers.ts";
import { abortable } from "./abortable.ts";
import { type Connection, endpointName } from "./connection.ts";
import { Capture, type Result, type StreamName } from "./output.ts";
import type { ConnectionPool, Entered } from "./pool.ts";

/** Grace period between the TERM signal and the close of the channel. */
const endGraceMs = 2000;

export interface Command {
  readonly text: string;
  readonly stdin: string;
  onLine(stream: StreamName, line: string): void;
}

/** Runs one command on a host, by the user's login shell. Rejects only if it could not run to its end. */
export function runRemote(
  pool: ConnectionPool,
  connection: Connection,
  command: Command,
  operation: Operation,
): Promise<Result> {
  return inSession(pool, connection, operation, async ({ client }, onOpen) => {
    // ssh2 reads `env` when the channel is open; nothing can have run before.
    const options = {
      get env() {
        onOpen();
        return {};
      },
    };
    return new Promise((resolve, reject) => {
      // `follow` listens before this returns: the exit code of a command that ends at once is in the same packet as the confirmation of its start.
      client.exec(command.text, options, (error, channel) =>
        error ? reject(error) : resolve(follow(channel, command, operation.signal)),
      );
    });
  });
}

/** Opens SFTP on a host for as long as `work` takes. */
export function withSftp<Outcome>(
  pool: ConnectionPool,
  connection: Connection,
  operation: Operation,
  work: (sftp: SFTPWrapper) => Promise<Outcome>,
): Promise<Outcome> {
  return inSession(pool, connection, operation, async ({ client }, onOpen) => {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    onOpen();
    const ended = new Promise<never>((_, reject) => {
      sftp.once("close", () => reject(new Error("the connection broke during the copy")));
    });
    ended.catch(() => undefined); // a normal end closes it as well
    try {
      return await abortable(Promise.race([work(sftp), ended]), operation.signal);
    } finally {
      sftp.end();
    }
  });
}

type Session<Outcome> = (entered: Entered, onOpen: () => void) => Promise<Outcome>;

/**
 * One session on the shared connection. If the session can't be opened, because the connection broke unnoticed or the server allows fewer
 * sessions than expected, nothing has happened and it is tried again.
 */
async function inSession<Outcome>(
  pool: ConnectionPool,
  connection: Connection,
  operation: Operation,
  session: Session<Outcome>,
): Promise<Outcome> {
  for (let redials = 0; ; ) {
    const entered = await pool.enter(connection, operation);
    const leave = await entered.sessions.take(operation.signal);
    let open = false;
    try {
      if (entered.lost()) throw new Error("the connection broke");
      return await session(entered, () => {
        open = true;
      });
    } catch (error) {
      if (operation.signal.aborted) throw operation.signal.reason;
      if (!open && isRefusal(error) && entered.sessions.shrinkBelowTaken()) continue;
      if (!open && entered.lost() && redials++ === 0) continue;
      const lost = entered.lost() ? "the connection broke: " : "";
      throw new Error(`${endpointName(connection)}: ${lost}${(error as Error).message}`, { cause: error });
    } finally {
      leave();
    }
  }
}

/** Whether the server refused to open a channel; the connection stays usable. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /channel open failure/i.test(error.message);
}

function follow(channel: ClientChannel, command: Command, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const capture = new Capture(command.onLine.bind(command));
    let exit: { code: number | null; signal: string | null } | undefined;
    const add = (stream: StreamName) => (chunk: Buffer) => {
      try {
        capture.add(stream, chunk);
      } catch (error) {
        reject(error);
        channel.close();
      }
    };
    // Child processes with the command's output open keep the channel open after its exit, so the close counts as its end.
    const stop = () => {
      // sshd forwards the signal for every user but root; root's commands end when their output is closed.
      channel.signal("TERM");
      setTimeout(() => channel.close(), endGraceMs).unref();
      reject(signal.reason);
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    channel.on("data", add("stdout"));
    channel.stderr.on("data", add("stderr"));
    channel.on("exit", (code: number | null, name?: string) => {
      exit = { code, signal: name ?? null };
    });
    channel.on("error", reject);
    channel.on("close", () => {
      signal.removeEventListener("abort", stop);
      if (exit === undefined) reject(new Error("the connection broke while the command ran"));
      else resolve(capture.end(exit.code, exit.signal));
    });
    // A command that doesn't read all of its input closes it early; its exit code is more informative than this error.
    channel.stdin?.on?.("error", () => undefined);
    channel.end(command.stdin);
  });
}
