import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import { ApiError } from "./api-error.ts";

/** Milliseconds for a read: a working broker answers in a few, and a run must not wait for a broken one. */
const readTimeoutMs = 1500;

/**
 * The engine reads these resources before each run. If the broker can't be used, its state counts: a dead broker must not stop a run that changes
 * other things, and that may be the very run that repairs it. An import has no state and fails.
 */
export function withTolerantRead(
  resource: ResourceHandler,
  report: (operation: Operation, reason: string) => void,
): ResourceHandler {
  const read = resource.read?.bind(resource);
  if (!read) return resource;
  return {
    ...resource,
    async read(id, state, inputs, operation) {
      const known = Object.keys(state).length > 0;
      if (!known) return read(id, state, inputs, operation);
      const timeout = AbortSignal.timeout(readTimeoutMs);
      try {
        return await read(id, state, inputs, { ...operation, signal: AbortSignal.any([operation.signal, timeout]) });
      } catch (error) {
        operation.signal.throwIfAborted();
        const refused = error instanceof ApiError && error.status !== 401 && error.status < 500;
        if (refused) throw error;
        report(operation, timeout.aborted ? `no answer within ${readTimeoutMs / 1000} s` : (error as Error).message);
        return { id, outputs: state, inputs };
      }
    },
  };
}

/** Logs one warning per process, because many objects share one broker. */
export function reportOnce(): (operation: Operation, reason: string) => void {
  let reported = false;
  return (operation, reason) => {
    if (reported) return;
    reported = true;
    operation.log("warning", `the broker can't be read, so its objects are assumed to be unchanged: ${reason}`);
  };
}
