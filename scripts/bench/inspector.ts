import { UserError } from "../../agents/lib/errors.ts";

const answerWithinMs = 30_000;

/**
 * Has a process under Node's inspector collect its garbage: what is resident then is what it needs, not what it has not thrown
 * away yet.
 */
export async function collectGarbage(inspectorUrl: string): Promise<void> {
  const socket = new WebSocket(inspectorUrl);
  const done = Promise.withResolvers<void>();
  const fail = (what: string) => () => done.reject(new UserError("inspector", `${what} ${inspectorUrl}`));
  const late = setTimeout(fail("no answer from"), answerWithinMs);
  socket.addEventListener("error", fail("no connection to"));
  socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" })));
  socket.addEventListener("message", ({ data }) => {
    if (JSON.parse(String(data)).id === 1) done.resolve();
  });
  try {
    await done.promise;
  } finally {
    clearTimeout(late);
    socket.close();
  }
}
