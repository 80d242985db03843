import { copiesMax, formatCopies } from "../lib/announced-copies.ts";
import { readHeaders } from "../lib/headers.ts";
import { JoinedNotices } from "../lib/joined-notices.ts";
import type { Notice, SideNotices } from "../lib/side-notices.ts";
import type { SpooledMessage } from "../lib/spooled-publisher.ts";

/** Copies of announcements that the broker has confirmed, for auditors. */
export const openCopies = (notices: Pick<SideNotices, "send" | "pending" | "drained">) =>
  new JoinedNotices<SpooledMessage>({ notices, max: copiesMax, compose: noticeOf });

/** One alone is sent as it was announced. */
function noticeOf(messages: readonly [SpooledMessage, ...SpooledMessage[]]): Notice {
  const count = messages.length;
  const [{ body, headers = {}, contentType = "text/plain" }] = messages;
  if (count === 1) return { body, headers, contentType };
  const copies = messages.map((one) => ({ body: one.body, closedMs: readHeaders(one.headers).marks.closedMs }));
  return { body: formatCopies(copies), contentType: "text/plain", count };
}
