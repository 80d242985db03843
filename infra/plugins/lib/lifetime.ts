/** How often a plugin looks whether the process that started it is still there. */
const parentPollMs = 1000;

/** What is still open gets this long to close after the engine's goodbye. */
const closeDeadlineMs = 2000;

/**
 * Ends the process when the engine does: on SIGTERM or SIGINT, and when the engine is gone without a word (killed), which
 * shows in a changed parent. `close` runs first, within a deadline.
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
