import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import { ApiError } from "./api-error.ts";

/** Milliseconds for a read: a broker that works answers in a few, and a run must not wait for one that doesn't. */
const readTimeoutMs = 1500;

/**
 * The engine reads these resources before each run. Where the broker can't be asked, what is known of it is believed: a dead broker must not stop
 * a run that has to do with everything else, and may be the very run that brings it back. An import, which knows nothing, fails all the same.
 */
export function believing(
  resource: ResourceHandler,
  say: (operation: Operation, reason: string) => void,
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
        say(operation, timeout.aborted ? `no answer within ${readTimeoutMs / 1000} s` : (error as Error).message);
        return { id, outputs: state, inputs };
      }
    },
  };
}

/** Says it once a process: many objects, one broker. */
export function sayOnce(): (operation: Operation, reason: string) => void {
  let said = false;
  return (operation, reason) => {
    if (said) return;
    said = true;
    operation.log("warning", `the broker can't be asked, what is known of its objects is believed: ${reason}`);
  };
}
