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
/** VRRP takes parts of a second. */
const movesWithinMs = 30_000;
const lookEveryMs = 200;

/**
 * The address goes from one cluster to the other, and with it the work, in an order in which no product can go out twice: the old dispatchers have ended
 * before, and the new ones begin when all that the old ones sent is in their ledgers. May be done again, whole, after it was broken off anywhere.
 *
 * The record gets the milliseconds in which no dispatcher worked, as seen from here; none where an earlier run had stopped them.
 */
export async function cutOver(move: Move): Promise<void> {
  const { from, to, reach, vip, say, signal } = move;
  // What is behind comes first, so that nobody has to wait for it.
  await awaitLedgers(move);
  signal.throwIfAborted();
  await Promise.all(to.hosts.map((host) => onHost(reach, host, "has its dispatcher wait", rest, stopSeconds)));
  const holders = await holdersAmong(reach, from.hosts, vip);
  const others = from.hosts.filter((host) => !holders.includes(host));
  await Promise.all(others.map((host) => onHost(reach, host, "ends its dispatcher", standAside, stopSeconds)));
  const beganMs = performance.now();
  await Promise.all(holders.map((host) => onHost(reach, host, "ends its dispatcher", standAside, stopSeconds)));
  const holder = await awaitHolder(move);
  say(`${holder} has the virtual IP`);
  await Promise.all([awaitLedgers(move), letClientsGo(move)]);
  await Promise.all(to.hosts.map((host) => onHost(reach, host, "starts its dispatcher", start, startSeconds)));
  say("the dispatchers there work");
  if (holders.length > 0) move.record.pauseMs = Math.round(performance.now() - beganMs);
}

/** The end of a dispatcher would have its host stand back: not here, where it waits for its turn. */
const rest = and(
  run("systemctl", "stop", dispatcherUnit),
  run(standBackProgram, "no", "dispatcher"),
  run(standBackProgram, "no"),
);
const standAside = and(run("systemctl", "stop", dispatcherUnit), run(standBackProgram, "yes"));
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
  const found = await poll(ask, { everyMs: lookEveryMs, withinMs: movesWithinMs });
  if (found !== undefined) return found;
  await giveBack(move);
  const remedy = `journalctl -t warren-vip -u keepalived on ${to.hosts[0]}; all works as before; the same command tries again`;
  throw new UserError(to.cluster.name, `did not take the virtual IP within ${movesWithinMs / 1000} s`, remedy);
}

/** As before: the old dispatchers work. */
async function giveBack({ from, to, reach }: Move): Promise<void> {
  const work = and(start, run(standBackProgram, "no"));
  await Promise.all(from.hosts.map((host) => onHost(reach, host, "starts its dispatcher again", work, startSeconds)));
  await Promise.all(to.hosts.map((host) => onHost(reach, host, "starts its dispatcher again", start, startSeconds)));
}

/**
 * Connections that came by the address are dead, and the broker would see that after two missed heartbeats only: until then it keeps what it had given out
 * on them.
 */
async function letClientsGo({ from, vip }: Move): Promise<void> {
  const found = (await from.get("connections")) as { name: string; host?: string }[];
  await Promise.all(found.filter(({ host }) => host === vip).map(({ name }) => from.remove("connections", name)));
}
