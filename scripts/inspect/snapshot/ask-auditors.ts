import type * as z from "zod";
import { type ProductsAnswer, productsAnswer } from "../../../agents/lib/audit-answers.ts";
import { type AuditHistory, auditHistory } from "../../../agents/lib/audit-history.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { metricsPorts } from "../../../infra/model/agent-part.ts";
import { auditorHosts } from "../../../infra/model/agent-queues.ts";
import { withLoopback } from "../../engine/loopback-http.ts";

/** What the auditor of a host answered, or why it did not. */
export type AuditorAnswer<Answer> =
  | { readonly host: string; readonly answer: Answer }
  | { readonly host: string; readonly unreachable: string };

/** Asks the auditors what they know of a product; none if the stack has no monitor. @param name its name, path or key */
export const askProduct = (reach: Hosts, config: StackConfig, name: string): Promise<AuditorAnswer<ProductsAnswer>[]> =>
  askAuditors(reach, config, `/products?name=${encodeURIComponent(name)}`, productsAnswer);

/** Asks the auditors for the hours and incidents between two times, in milliseconds since 1970. @throws UserError if the stack has no monitor */
export function askHistory(
  reach: Hosts,
  config: StackConfig,
  fromMs: number,
  toMs: number,
): Promise<AuditorAnswer<AuditHistory>[]> {
  if (auditorHosts(config).length > 0)
    return askAuditors(reach, config, `/history?from=${fromMs}&to=${toMs}`, auditHistory);
  throw new UserError(
    "report",
    "the stack has no monitor",
    "give a host the role monitor; docs/monitoring.md shows how",
  );
}

function askAuditors<Answer>(reach: Hosts, config: StackConfig, path: string, schema: z.ZodType<Answer>) {
  return Promise.all(
    auditorHosts(config).map(async (host): Promise<AuditorAnswer<Answer>> => {
      try {
        const text = await withLoopback(reach, { host, port: metricsPorts.auditor }, (ask) => ask("GET", path));
        const parsed = schema.safeParse(JSON.parse(text));
        if (parsed.success) return { host, answer: parsed.data };
        return { host, unreachable: "its auditor gives an answer of another version" };
      } catch (error) {
        return { host, unreachable: (error as Error).message };
      }
    }),
  );
}
