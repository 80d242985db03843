import { Socket } from "node:net";
import type { ChannelModel } from "amqplib";

/**
 * The socket below a connection. amqplib's types don't name it: where another version keeps it elsewhere, undefined, and its
 * users do without (a test says so).
 */
export function socketOf(model: ChannelModel): Socket | undefined {
  const { stream } = model.connection as { stream?: unknown };
  return stream instanceof Socket ? stream : undefined;
}

/**
 * Joins what is written within one turn into one system call. amqplib writes every message and every ack by itself, and a
 * broker has to be woken up for each.
 */
export function joinWrites(socket: Socket): void {
  const write = socket.write;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  socket.write = function (this: Socket, ...args: unknown[]): boolean {
    if (!corked) {
      corked = true;
      this.cork();
      process.nextTick(uncork);
    }
    return write.apply(this, args as Parameters<Socket["write"]>);
  } as Socket["write"];
}

/**
 * Ends a connection at once: no farewell that a peer might never answer, and nothing that is still in buffers goes out
 * (the peer gets a reset). amqplib sees an error of the socket.
 */
export function cutOff(socket: Socket, reason: string): void {
  if (socket.destroyed) return;
  try {
    socket.resetAndDestroy();
  } catch {
    // Of a socket below TLS there is no reset to be had.
    socket.destroy();
  }
  socket.emit("error", new Error(reason));
}
