import type { BrokerSession } from "../lib/broker-session.ts";
import type { FeedWatch } from "../lib/feed-watch.ts";
import { type AgentHealth, brokerHealth } from "../lib/health.ts";
import type { SideNotices } from "../lib/side-notices.ts";
import type { OpenPeers } from "./open-peers.ts";
import { describeSilence } from "./origins.ts";
import type { Puller } from "./puller.ts";

import type { Counts } from "./telemetry.ts";

/** What a puller's status is made of. */
export interface PullerView {
  readonly counts: Counts;
  readonly puller: Pick<Puller, "localFault" | "silentOrigins">;
  readonly session: Pick<BrokerSession, "state" | "description">;
  readonly notices: Pick<BrokerSession, "description">;
  readonly receipts: Pick<SideNotices, "pending">;
  readonly peers: Pick<OpenPeers, "counts">;
  readonly feed: Pick<FeedWatch, "isStarved">;
  readonly queue: string;
}

/**
 * Ok while products can be accepted. A dead radar server is only mentioned in the text: nothing can be done about it on this
 * host.
 */
export function statusOf(view: PullerView, nowMs: number): AgentHealth {
  const { counts, puller, session, feed } = view;
  return {
    ok: session.state === "ready" && puller.localFault === undefined && !feed.isStarved,
    text: textOf(view, nowMs),
    ...brokerHealth(session.state),
    fault: puller.localFault?.message,
    starvedOf: feed.isStarved ? view.queue : undefined,
    done: counts.pulledCount,
    setAside: counts.deadLetteredCount,
    notices: view.notices.description,
    receiptsPending: view.receipts.pending,
    peers: view.peers.counts,
  };
}

function textOf({ counts, puller, session, feed, queue }: PullerView, nowMs: number): string {
  const { pulledCount, twinsPulledCount, askedCount, deadLetteredCount } = counts;
  const twins = twinsPulledCount > 0 ? ` (${twinsPulledCount} as twins)` : "";
  const asked = askedCount > 0 ? `, ${askedCount} requested elsewhere` : "";
  const starved = feed.isStarved ? [`messages wait in ${queue}, and the broker delivers none of them`] : [];
  const silent = puller.silentOrigins.map((origin) => describeSilence(origin, nowMs));
  const state = puller.localFault?.message ?? session.description;
  return [
    `${pulledCount} pulled${twins}${asked}, ${deadLetteredCount} dead-lettered`,
    ...starved,
    state,
    ...silent,
  ].join("; ");
}
