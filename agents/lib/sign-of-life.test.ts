import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { sendSignsOfLife } from "./sign-of-life.ts";

// Not proved here: that a host which has taken over an address refuses the packets; the chaos lab cuts links.

const everyMs = 20;
const frame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);
const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Two ends of a connection, and what the far end has received. */
async function pair() {
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  ends.push(
    () => near.destroy(),
    () => far.destroy(),
    () => server.close(),
  );
  const got: Buffer[] = [];
  far.on("data", (data) => got.push(data));
  return { near, far, got: () => Buffer.concat(got) };
}

/** So many intervals pass, counted by a timer that was begun later than the one that is watched. */
async function turns(count: number): Promise<void> {
  const timer = setInterval(() => (count -= 1), everyMs);
  ends.push(() => clearInterval(timer));
  await expect.poll(() => count, { timeout: 10_000 }).toBeLessThanOrEqual(0);
}

test("a connection on which nothing is written gets heartbeat frames, again and again", async () => {
  const { near, got } = await pair();
  sendSignsOfLife(near, everyMs);
  await expect.poll(() => got().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(3 * frame.length);
  expect(got().subarray(0, 3 * frame.length)).toEqual(Buffer.concat([frame, frame, frame]));
});

test("written data counts as a sign of life, and so does buffered data", async () => {
  const { near, far, got } = await pair();
  far.pause();
  // More than the buffers of both ends hold: the rest waits.
  near.write(Buffer.alloc(1 << 24, "x"));
  // The kernel accepts more while its buffers grow.
  let waitingBytes = Number.POSITIVE_INFINITY;
  while (near.writableLength < waitingBytes) {
    waitingBytes = near.writableLength;
    await turns(5);
  }
  expect(waitingBytes).toBeGreaterThan(0);
  sendSignsOfLife(near, everyMs);
  await turns(5);
  expect(near.writableLength).toBe(waitingBytes);
  far.resume();
  await expect.poll(() => got().subarray(-frame.length), { timeout: 10_000 }).toEqual(frame);
});
