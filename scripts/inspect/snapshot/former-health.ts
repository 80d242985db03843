import { healthSchema } from "../../../agents/lib/health.ts";
import type { HealthEvidence } from "./evidence.ts";

const formerSchema = healthSchema.partial({ version: true, agent: true, ready: true }).loose();

/**
 * What agents say that have no version in their `/health`: those of before, on hosts that a rollout has not come to. Their connection is in their
 * sentence alone. Nothing else reads sentences; when no such agent runs any more, this file goes. @returns undefined of what is no such answer
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
