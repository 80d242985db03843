import type { Socket } from "node:net";

/** AMQP's heartbeat frame: type 8, channel 0, no payload, the frame-end byte. */
const heartbeatFrame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);

/**
 * Sends a heartbeat frame whenever nothing was written for `everyMs`, until the socket is closed. It does not wait for an answer
 * and closes nothing. A host that took over the address of a failed one refuses packets of the old connections, so even an idle
 * client notices the loss. However busy a machine is, no live connection is ended.
 */
export function sendSignsOfLife(socket: Socket, everyMs: number): void {
  let writtenBytes = socket.bytesWritten;
  const timer = setInterval(() => {
    // The kernel keeps resending buffered data, which has the same effect.
    if (socket.bytesWritten === writtenBytes && socket.writableLength === 0 && socket.writable) {
      socket.write(heartbeatFrame);
    }
    writtenBytes = socket.bytesWritten;
  }, everyMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
}
