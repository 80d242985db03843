import { hasAddress, initOfHost } from "../../scripts/lab/host-addresses.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { answersAmqp } from "../../scripts/traffic/amqp-probe.ts";

/** The interval of the client's connects, and so the resolution of the measurement. */
const connectEveryMs = 10;
/** Aborts a connect to a host that has left; later connects are already under way. */
const connectTimeoutMs = 300;
const sampleEveryMs = 5;

export interface Move {
  /** Longest time between two successful handshakes of a client, in milliseconds. */
  readonly gapMs: number;
  /** Longest time for which both hosts had the address, in milliseconds. */
  readonly twoHoldersMs: number;
}

/**
 * Watches an address move from one host to another, as a client sees it: a connect and an AMQP handshake every few milliseconds. At the same time
 * samples the addresses in both hosts' kernels.
 *
 * @param fault makes the address move; may resolve before the move
 * @throws if no broker answers at the address on the other host within the time
 */
export async function watchMove(
  { lab, address, port }: { lab: string; address: string; port: number },
  { from, to }: { from: string; to: string },
  fault: () => Promise<unknown>,
  withinMs: number,
): Promise<Move> {
  const client = watchConnects(address, port);
  const holders = await watchHolders(lab, address, from, to);
  try {
    await client.answered();
    await fault();
    const isServed = () => {
      const movedAtMs = holders.movedAtMs();
      return movedAtMs !== undefined && client.goodSince(movedAtMs);
    };
    if (!(await poll(isServed, { everyMs: sampleEveryMs, withinMs })))
      throw new Error(`${address} not served by ${to} within ${withinMs} ms`);
  } finally {
    client.stop();
    holders.stop();
  }
  return { gapMs: client.longestGapMs(), twoHoldersMs: holders.longestOverlapMs() };
}

/** Starts connects at a steady pace, even while earlier ones run, so that one that hangs hides nothing. */
function watchConnects(address: string, port: number) {
  const good: { readonly beganMs: number; readonly endedMs: number }[] = [];
  const timer = setInterval(async () => {
    const beganMs = performance.now();
    if (await answersAmqp(address, port, connectTimeoutMs)) good.push({ beganMs, endedMs: performance.now() });
  }, connectEveryMs);
  return {
    stop: () => clearInterval(timer),
    answered: () => poll(() => good.length > 0, { everyMs: connectEveryMs }),
    goodSince: (ms: number) => good.some(({ beganMs }) => beganMs > ms),
    longestGapMs: () => {
      const ended = good.map(({ endedMs }) => endedMs).toSorted((a, b) => a - b);
      return Math.max(...ended.slice(1).map((ms, index) => ms - (ended[index] ?? ms)));
    },
  };
}

async function watchHolders(lab: string, address: string, from: string, to: string) {
  const [first, second] = await Promise.all([initOfHost(lab, from), initOfHost(lab, to)]);
  if (first === undefined || second === undefined) throw new Error(`${from} or ${to} is off`);
  let movedAtMs: number | undefined;
  let bothSinceMs: number | undefined;
  let longestMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const [old, young] = [hasAddress(first, address), hasAddress(second, address)];
    if (young && !old) movedAtMs ??= nowMs;
    if (!young || !old) bothSinceMs = undefined;
    else {
      bothSinceMs ??= nowMs;
      longestMs = Math.max(longestMs, nowMs - bothSinceMs);
    }
  }, sampleEveryMs);
  return { stop: () => clearInterval(timer), movedAtMs: () => movedAtMs, longestOverlapMs: () => longestMs };
}
