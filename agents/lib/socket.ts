import { Socket } from "node:net";
import type { ChannelModel } from "amqplib";

/**
 * The socket of a connection. amqplib's types don't expose it: undefined if another version keeps it elsewhere; callers then do
 * without (a test reports it).
 */
export function socketOf(model: ChannelModel): Socket | undefined {
  const { stream } = model.connection as { stream?: unknown };
  return stream instanceof Socket ? stream : undefined;
}

/**
 * Joins the writes of one event loop turn into one system call. amqplib writes every message and every ack separately, and the
 * broker has to wake up for each.
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
 * Ends a connection at once, without a close handshake that a peer might never answer. Buffered data is not sent; the peer gets a
 * reset. amqplib sees an error of the socket.
 */
export function cutOff(socket: Socket, reason: string): void {
  if (socket.destroyed) return;
  try {
    socket.resetAndDestroy();
  } catch {
    // A socket below TLS can't be reset.
    socket.destroy();
  }
  socket.emit("error", new Error(reason));
}
