import { healthSchema } from "../../../agents/lib/health.ts";
import type { HealthEvidence } from "./evidence.ts";

const formerSchema = healthSchema.partial({ version: true, agent: true, ready: true }).loose();

/**
 * Reads `/health` answers without a version, from agents of earlier versions on hosts that a rollout has not reached. Their connection state is only in
 * the sentence. Remove this file when no such agent runs any more.
 *
 * @returns undefined if it is not such an answer
 */
export function formerHealth(answer: unknown): HealthEvidence | undefined {
  const read = formerSchema.safeParse(answer);
  return read.success ? { ...read.data, ...connectionIn(read.data.text) } : undefined;
}

function connectionIn(text: string): Pick<HealthEvidence, "connectionTo" | "connected" | "blocked"> {
  if (/(^|; )connected to (sftp|ftps?):/.test(text)) return { connectionTo: "server", connected: true };
  if (/(^|; )not connected to /.test(text)) return { connectionTo: "server", connected: false };
  if (/(^|; )connected to /.test(text)) return { connectionTo: "broker", connected: true, blocked: false };
  if (/(^|; )broker \S+ takes no messages: /.test(text)) {
    return { connectionTo: "broker", connected: true, blocked: true };
  }
  return /(^|; )no connection to /.test(text) ? { connectionTo: "broker", connected: false, blocked: false } : {};
}
