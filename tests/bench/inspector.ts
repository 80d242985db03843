import { UserError } from "../../agents/lib/errors.ts";

const answerWithinMs = 60_000;

/** Bytes of a process's live objects and buffers. */
export async function heldBytes(inspectorUrl: string): Promise<number> {
  const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
  const { result } = (await call(inspectorUrl, "Runtime.evaluate", { expression })) as { result: { value: number } };
  return result.value;
}

/** Runs the garbage collector of a process, so that only memory in use is measured. */
export async function collectGarbage(inspectorUrl: string): Promise<void> {
  await call(inspectorUrl, "HeapProfiler.collectGarbage", {});
}

/** Queries a process with Node's inspector. */
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
