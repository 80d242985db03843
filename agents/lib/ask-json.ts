/** What was asked, or why there is no answer. */
export type Answered<T> = { readonly value: T } | { readonly fault: string };

export interface AskLimits {
  readonly timeoutMs: number;
  readonly bytesMax: number;
}

/** Asks for JSON on loopback. Never throws: why there is no answer is a value, without what the server says. */
export async function askJson(url: URL | string, { timeoutMs, bytesMax }: AskLimits): Promise<Answered<unknown>> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
    const text = await readText(response, bytesMax);
    if (text === undefined) return { fault: `its answer has more than ${bytesMax} bytes` };
    if (!response.ok) return { fault: `status ${response.status}` };
    return { value: JSON.parse(text) };
  } catch (error) {
    return { fault: faultOf(error as Error, timeoutMs) };
  }
}

function faultOf(error: Error, timeoutMs: number): string {
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  if (error instanceof SyntaxError) return "its answer is not JSON";
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" ? "nothing listens at its port" : (code ?? "the request failed");
}

/** The body; undefined if it is longer than allowed, and then the rest is not read. */
async function readText({ body }: Response, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
