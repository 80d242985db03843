import { request } from "node:http";
import { buffer } from "node:stream/consumers";
import type { z } from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { openTunnel } from "../../../infra/hosts/tunnel.ts";

/** A month of hours and incidents has less than a tenth of it. */
const answerBytesMax = 16 * 1024 * 1024;
const answerWithinMs = 20_000;

/** The monitor hosts of a stack. @throws UserError if it has none */
export function monitorsOf({ hosts }: StackConfig, verb: string): string[] {
  const monitors = Object.keys(hosts).filter((name) => hosts[name]?.roles.includes("monitor"));
  if (monitors.length > 0) return monitors;
  throw new UserError(
    verb,
    "the stack has no monitor host",
    "give a host the role monitor; docs/monitoring.md shows how",
  );
}

export type MonitorAnswer<Answer> =
  | { readonly host: string; readonly answer: Answer }
  | { readonly host: string; readonly unreachable: string };

/** Sends a GET to a loopback port of a monitor host, through ssh. An answer of another form is an error of that host. */
export async function askMonitor<Answer>(
  reach: Pick<Hosts, "connectionTo">,
  host: string,
  port: number,
  path: string,
  schema: z.ZodType<Answer>,
): Promise<MonitorAnswer<Answer>> {
  const tunnel = await openTunnel(reach.connectionTo(host), port);
  try {
    const text = await getText(tunnel.path, path);
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return { host, answer: parsed.data };
    return { host, unreachable: `port ${port} gives an answer of another version` };
  } catch (error) {
    return { host, unreachable: tunnel.lastWords || (error as Error).message };
  } finally {
    await tunnel.close();
  }
}

function getText(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(answerWithinMs);
    const sent = request({ socketPath, path, agent: false, signal }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > answerBytesMax) response.destroy(new Error(`answers with more than ${answerBytesMax} bytes`));
      });
      buffer(response).then((body) => {
        if (response.statusCode === 200) resolve(body.toString());
        else reject(new Error(`answers ${response.statusCode}: ${body.toString().slice(0, 200).trim()}`));
      }, reject);
    });
    sent.on("error", reject);
    sent.end();
  });
}
