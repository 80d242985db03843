import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Runs `action` while no other process of this machine runs one under the same lock name.
 *
 * The lock is an abstract Unix socket: the kernel gives it to one process and frees it when that process ends in
 * any way, so there are no stale locks. Waiting processes hold a connection to the owner and wake when it closes.
 */
export async function withLock<T>(
  name: string,
  purpose: string,
  action: () => Promise<T>,
  onWait: (holder: string) => void = () => {},
): Promise<T> {
  const release = await acquire(name, purpose, onWait);
  try {
    return await action();
  } finally {
    await release();
  }
}

/** The holder of this lock now: purpose and process; undefined where there is none. Another process may take it at once. */
export async function lockHolder(name: string): Promise<string | undefined> {
  let holder: string | undefined;
  await new Promise<void>((resolve) => {
    const socket = connect({ path: lockPath(name) });
    socket.on("data", (text) => {
      holder = text.toString();
      socket.destroy();
    });
    // A process that is stopped, or very busy, holds its locks without an answer.
    socket.setTimeout(answerMs, () => {
      holder = "a process that doesn't answer";
      socket.destroy();
    });
    socket.on("error", () => {}).on("close", () => resolve());
  });
  return holder;
}

const answerMs = 2000;

const lockPath = (name: string): string => `\0warren-lab/${name}`;

async function acquire(name: string, purpose: string, onWait: (holder: string) => void): Promise<() => Promise<void>> {
  const path = lockPath(name);
  for (;;) {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => {}).on("close", () => waiting.delete(socket));
      socket.write(`${purpose} (process ${process.pid})`);
    });
    if (await listen(server, path)) {
      return () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of waiting) socket.destroy();
        });
    }
    await waitForOwner(path, onWait);
  }
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen({ path }, () => resolve(true));
  });
}

function waitForOwner(path: string, onWait: (holder: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on("data", (holder) => onWait(holder.toString()));
    // Refused or closed both mean that the owner is gone: try again to become the owner.
    socket.on("error", () => {}).on("close", () => resolve());
  });
}
