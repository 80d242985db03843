/** How often a plugin checks whether its parent process still exists. */
const parentPollMs = 1000;

/** Deadline for closing connections at shutdown. */
const closeDeadlineMs = 2000;

/**
 * Exits when the engine does: at SIGTERM or SIGINT, or when the parent process changes because the engine was killed. `close` runs first, within a
 * deadline.
 */
export function endWithParent(close: () => Promise<void>): void {
  const parent = process.ppid;
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(0), closeDeadlineMs).unref();
    close().finally(() => process.exit(0));
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  setInterval(() => process.ppid !== parent && end(), parentPollMs).unref();
}
