import type { Socket } from "node:net";

/** AMQP's heartbeat frame: type 8, channel 0, no payload, the mark of a frame's end. */
const heartbeatFrame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);

/**
 * Sends a heartbeat frame whenever nothing was written for `everyMs`, until the socket is closed. It waits for no answer and gives nothing
 * up: a host that took over the address of one that is gone refuses what it gets of its connections, and so tells those who are silent
 * otherwise. However busy a machine is, that ends no connection that lives.
 */
export function sendSignsOfLife(socket: Socket, everyMs: number): void {
  let writtenBytes = socket.bytesWritten;
  const timer = setInterval(() => {
    // What waits in buffers is sent again and again by the kernel, and asks the same.
    if (socket.bytesWritten === writtenBytes && socket.writableLength === 0 && socket.writable) {
      socket.write(heartbeatFrame);
    }
    writtenBytes = socket.bytesWritten;
  }, everyMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
}
