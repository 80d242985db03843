import { type LogEvent, logEvents } from "../../../agents/lib/log-events.ts";

const sentences: readonly (readonly [RegExp, LogEvent])[] = [
  [/^the virtual IP left this host/, logEvents.addressLeft],
  [/^this host holds the virtual IP now/, logEvents.addressHeld],
  [/^taken over: first decision/, logEvents.takenOver],
  [/^\(\d+ Bytes\) (Message|File) .* delivered /, logEvents.delivered],
];

/**
 * The event of a log line from agents of earlier versions, which wrote no event names. They may still run on hosts that a rollout has not reached, and their
 * old lines stay in journals. Remove this file when no such agent runs any more.
 */
export const formerEvent = (text: string): LogEvent | undefined => sentences.find(([says]) => says.test(text))?.[1];
