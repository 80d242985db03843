import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ledgerKeptMessages, ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, run } from "../../../infra/commands/command.ts";
import { stateFolderOf } from "../../../infra/model/agent-part.ts";
import { dispatcherUnit } from "../../../infra/model/names.ts";
import { poll } from "../../lib/poll.ts";
import { fetchJournal, putJournal } from "../backup/journals.ts";
import { ledgerCarrier } from "./carrier.ts";
import { holdersAmong, onHost } from "./hosts.ts";
import type { Move } from "./move.ts";
import { awaitFence, countOf, hasShovel, keepLedger, openWayIn, type Side, startShovel } from "./side.ts";

/** The broker's statistics are up to five seconds old. */
const statisticsMs = 6000;
const checkEveryMs = 1000;
const fenceWithinMs = 60_000;

/**
 * Passes to the dispatchers of each cluster what the other one sends. First, queues there begin to collect it; then the active dispatcher's journal
 * provides what was sent before; then shovels carry the queues over. So nothing is missing.
 */
export async function carryLedgers(move: Move): Promise<void> {
  const { from, to, runner, record, kept } = move;
  const { exchange, dedupWindowSeconds } = move.config.announcements;
  const there = to.hosts.map((host) => ledgerCarrier(host, move.config.announcements));
  const back = from.hosts.map((host) => ledgerCarrier(host, move.config.announcements));
  for (const ledger of there) await keepLedger(from, ledger, exchange, dedupWindowSeconds);
  for (const ledger of back) await keepLedger(to, ledger, exchange, dedupWindowSeconds);
  // A dispatcher that already receives them knows more than any journal that would replace its own.
  const isCarried = await Promise.all(there.map((ledger) => hasShovel(runner, ledger)));
  if (!record.hasJournals && !isCarried.every(Boolean)) {
    await bringJournals(move);
    record.hasJournals = true;
    await kept.write(record);
  }
  for (const ledger of there) {
    await openWayIn(to, ledger, ledger.fence);
    await startShovel(runner, ledger, from, to);
  }
  for (const ledger of back) {
    await openWayIn(from, ledger, ledger.fence);
    await startShovel(runner, ledger, to, from);
  }
  await awaitLedgers(move);
}

/** Waits until everything that the old cluster has sent so far is in the ledgers of the new one. */
export async function awaitLedgers({ from, to, config, signal }: Move): Promise<void> {
  const { exchange } = config.announcements;
  const ledgers = to.hosts.map((host) => ledgerCarrier(host, config.announcements));
  await Promise.all(
    ledgers.map((ledger) =>
      awaitFence(from, to, ledger, exchange, { token: randomUUID(), withinMs: fenceWithinMs, signal }),
    ),
  );
}

async function bringJournals(move: Move): Promise<void> {
  const { from, to, reach, signal, say, vip } = move;
  const [holder] = await holdersAmong(reach, from.hosts, vip);
  if (holder === undefined)
    throw new UserError(from.cluster.name, "does not hold the virtual IP", `./warren verify -s ${from.stack}`);
  await awaitJournal(move, holder);
  const archive = await fetchJournal(reach, holder, signal);
  if ("why" in archive)
    throw new UserError(
      holder,
      `its journal can't be read: ${archive.why}`,
      "fix it, then run the same command again to continue",
    );
  await Promise.all(
    to.hosts.map(async (host) => {
      // Its own journal has nothing that the other one lacks, because this dispatcher was never active.
      await onHost(
        reach,
        host,
        "removes its own journal",
        and(run("systemctl", "stop", dispatcherUnit), run("rm", "-rf", `${stateFolderOf("dispatcher")}/journal`)),
        30,
      );
      await putJournal(reach, host, archive, { isRunning: false, signal });
      await onHost(reach, host, "starts dispatcher", run("systemctl", "start", dispatcherUnit), 90);
      say(`copied the journal of ${holder} to ${host}`);
    }),
  );
}

/**
 * Waits until the holder's journal has everything that was sent before the new ledgers existed. The dispatcher acks a ledger message when it is on disk, so
 * that is the case when as many messages are acked as its ledger held.
 */
async function awaitJournal({ from, signal, waitMs }: Move, holder: string): Promise<void> {
  const ledger = ledgerQueueAt(holder);
  await sleep(statisticsMs, undefined, { signal });
  const first = await counted(from, ledger);
  const isRead = async () => {
    const now = await counted(from, ledger);
    return now.messages <= ledgerKeptMessages || now.acked >= first.acked + first.messages;
  };
  if (await poll(isRead, { everyMs: checkEveryMs, withinMs: waitMs, signal })) return;
  const remedy = `find the cause with ./warren verify -s ${from.stack}, then run the same command again to continue`;
  throw new UserError(holder, "its dispatcher does not read its ledger", remedy);
}

async function counted(side: Side, queue: string): Promise<{ messages: number; acked: number }> {
  const found = await countOf(side, queue);
  if (found) return found;
  throw new UserError(side.cluster.name, `has no queue ${queue}`, `./warren verify -s ${side.stack}`);
}
