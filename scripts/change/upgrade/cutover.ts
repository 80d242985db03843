import { UserError } from "../../../agents/lib/errors.ts";
import { and, run } from "../../../infra/commands/command.ts";
import { dispatcherUnit } from "../../../infra/model/names.ts";
import { standBackProgram } from "../../../infra/model/stand-back.ts";
import { poll } from "../../lib/poll.ts";
import { holdersAmong, onHost } from "./hosts.ts";
import { awaitLedgers } from "./ledgers.ts";
import type { Move } from "./move.ts";

const stopSeconds = 40;
const startSeconds = 90;
/** VRRP needs a fraction of a second. */
const movesWithinMs = 30_000;
const checkEveryMs = 200;

/**
 * Moves the address and the work from one cluster to the other, in an order in which no product can be sent twice: the old dispatchers stop first, and the
 * new ones start when everything that the old ones sent is in their ledgers. It can be repeated from the start after an interruption.
 *
 * The record gets the milliseconds in which no dispatcher was active, as measured here; none if an earlier run had stopped them.
 */
export async function cutOver(move: Move): Promise<void> {
  const { from, to, reach, vip, say, signal } = move;
  // Catch up first, so that the pause is short.
  await awaitLedgers(move);
  signal.throwIfAborted();
  await Promise.all(
    to.hosts.map((host) =>
      onHost(reach, host, "stops its dispatcher until the address has moved", stopOnly, stopSeconds),
    ),
  );
  const holders = await holdersAmong(reach, from.hosts, vip);
  const others = from.hosts.filter((host) => !holders.includes(host));
  await Promise.all(others.map((host) => onHost(reach, host, "stops its dispatcher", stopAside, stopSeconds)));
  const beganMs = performance.now();
  await Promise.all(holders.map((host) => onHost(reach, host, "stops its dispatcher", stopAside, stopSeconds)));
  const holder = await awaitHolder(move);
  say(`${holder} has the virtual IP`);
  await Promise.all([awaitLedgers(move), closeClients(move)]);
  await Promise.all(to.hosts.map((host) => onHost(reach, host, "starts its dispatcher", start, startSeconds)));
  say("the dispatchers there are running");
  if (holders.length > 0) move.record.pauseMs = Math.round(performance.now() - beganMs);
}

/** When a dispatcher stops, its host steps aside. That is undone here, because these hosts are about to take the address. */
const stopOnly = and(
  run("systemctl", "stop", dispatcherUnit),
  run(standBackProgram, "no", "dispatcher"),
  run(standBackProgram, "no"),
);
const stopAside = and(run("systemctl", "stop", dispatcherUnit), run(standBackProgram, "yes"));
const start = run("systemctl", "start", dispatcherUnit);

async function awaitHolder(move: Move): Promise<string> {
  const { from, to, reach, vip } = move;
  const ask = async () => {
    const [old, [holder, ...more]] = await Promise.all([
      holdersAmong(reach, from.hosts, vip),
      holdersAmong(reach, to.hosts, vip),
    ]);
    return more.length === 0 && old.length === 0 ? holder : undefined;
  };
  const found = await poll(ask, { everyMs: checkEveryMs, withinMs: movesWithinMs });
  if (found !== undefined) return found;
  await undo(move);
  const remedy = `the old cluster is active again; see journalctl -t warren-vip -u keepalived on ${to.hosts[0]}, then run the same command again`;
  throw new UserError(to.cluster.name, `did not take the virtual IP within ${movesWithinMs / 1000} s`, remedy);
}

/** Undoes the move: the old dispatchers are active again. */
async function undo({ from, to, reach }: Move): Promise<void> {
  const work = and(start, run(standBackProgram, "no"));
  await Promise.all(from.hosts.map((host) => onHost(reach, host, "starts its dispatcher again", work, startSeconds)));
  await Promise.all(to.hosts.map((host) => onHost(reach, host, "starts its dispatcher again", start, startSeconds)));
}

/**
 * Closes the connections that clients opened through the address. They are dead, but the broker would notice that only after two missed heartbeats and
 * would hold their unacknowledged messages until then.
 */
async function closeClients({ from, vip }: Move): Promise<void> {
  const found = (await from.get("connections")) as { name: string; host?: string }[];
  await Promise.all(found.filter(({ host }) => host === vip).map(({ name }) => from.remove("connections", name)));
}
