import { UserError } from "../../agents/lib/errors.ts";

const answerWithinMs = 60_000;

/** Bytes that a process holds in live objects and buffers. */
export async function heldBytes(inspectorUrl: string): Promise<number> {
  const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
  const { result } = (await call(inspectorUrl, "Runtime.evaluate", { expression })) as { result: { value: number } };
  return result.value;
}

/** Has a process collect its garbage: what it holds then is what it needs, not what it has not thrown away yet. */
export async function collectGarbage(inspectorUrl: string): Promise<void> {
  await call(inspectorUrl, "HeapProfiler.collectGarbage", {});
}

/** Asks a process by Node's inspector. */
async function call(inspectorUrl: string, method: string, params: object): Promise<unknown> {
  const socket = new WebSocket(inspectorUrl);
  const done = Promise.withResolvers<unknown>();
  const fail = (what: string) => () => done.reject(new UserError("inspector", `${what} ${inspectorUrl}`));
  const late = setTimeout(fail("no answer from"), answerWithinMs);
  socket.addEventListener("error", fail("no connection to"));
  socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method, params })));
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data));
    if (id === 1) done.resolve(result);
  });
  try {
    return await done.promise;
  } finally {
    clearTimeout(late);
    socket.close();
  }
}
