import { metricsPorts } from "../../infra/model/agent-part.ts";
import { auditorHosts } from "../../infra/model/agent-queues.ts";
import { openHosts } from "../../scripts/engine/hosts.ts";
import { withLoopback } from "../../scripts/engine/loopback-http.ts";
import type { Scene } from "./scene.ts";

const counted = ["announced", "placed", "overdue", "late_placed", "repeated", "unknown"] as const;

/** What the stack's auditor counted, in products. Of a run: the difference. */
export type Audited = Readonly<Record<(typeof counted)[number], number>>;

/** The auditor's totals; undefined if the stack has none, or it does not answer. */
export async function readAudited({ lab, config }: Scene): Promise<Audited | undefined> {
  const [host] = auditorHosts(config);
  if (host === undefined) return undefined;
  try {
    const hosts = await openHosts(lab, config);
    const text = await withLoopback(hosts, { host, port: metricsPorts.auditor }, (ask) => ask("GET", "/metrics"));
    const totalOf = (name: string) => Number(new RegExp(`^warren_auditor_${name}_total (\\d+)$`, "m").exec(text)?.[1]);
    return Object.fromEntries(counted.map((name) => [name, totalOf(name)])) as Audited;
  } catch {
    return undefined;
  }
}

export const auditedSince = (before: Audited | undefined, after: Audited | undefined): Audited | undefined =>
  before &&
  after &&
  (Object.fromEntries(counted.map((name) => [name, after[name] - before[name]])) as unknown as Audited);

/** One line of the report. */
export const describeAudited = ({
  announced,
  placed,
  overdue,
  late_placed: late,
  repeated,
  unknown,
}: Audited): string =>
  `the auditor counted: announced ${announced}   placed ${placed}   overdue ${overdue}, ${late} of them placed late   repeated ${repeated}   unknown ${unknown}`;
