import { type LogEvent, logEvents } from "../../../agents/lib/log-events.ts";

const sentences: readonly (readonly [RegExp, LogEvent])[] = [
  [/^the virtual IP left this host/, logEvents.addressLeft],
  [/^this host holds the virtual IP now/, logEvents.addressHeld],
  [/^taken over: first decision/, logEvents.takenOver],
  [/^\(\d+ Bytes\) (Message|File) .* delivered /, logEvents.delivered],
];

/**
 * The event of a line of agents that gave none: those of before, on hosts that a rollout has not come to, and what they wrote before it did. Nothing else
 * knows events by sentences; when no such agent runs any more, this file goes.
 */
export const formerEvent = (text: string): LogEvent | undefined => sentences.find(([says]) => says.test(text))?.[1];
