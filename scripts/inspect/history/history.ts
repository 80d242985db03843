import * as z from "zod";
import { formatColumns } from "../../lib/table.ts";

/** One run of the engine on a stack. */
export interface Run {
  readonly kind: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly result: string;
  /** Who ran it, according to git and the system. */
  readonly who: string;
  readonly message: string;
  /** Number of resources by operation, without unchanged ones. */
  readonly changes: Readonly<Record<string, number>>;
  /** Number of unchanged resources. */
  readonly same: number;
}

const updateSchema = z.object({
  kind: z.string(),
  startTime: z.string(),
  endTime: z.string().optional(),
  message: z.string().default(""),
  environment: z.record(z.string(), z.string()).default({}),
  result: z.string().default("in progress"),
  resourceChanges: z.record(z.string(), z.number()).nullish(),
});

/** Parses the output of `pulumi stack history --json`, newest first. @throws ZodError if it has another form */
export function parseHistory(text: string): Run[] {
  return z
    .array(updateSchema)
    .parse(JSON.parse(text))
    .map((update) => {
      const { environment, resourceChanges, startTime, endTime } = update;
      const { same = 0, ...changes } = resourceChanges ?? {};
      const began = Date.parse(startTime);
      const ended = endTime === undefined ? Number.NaN : Date.parse(endTime);
      return {
        kind: update.kind,
        startedAt: new Date(began).toISOString(),
        seconds: Number.isFinite(ended) ? Math.max(0, Math.round((ended - began) / 1000)) : 0,
        result: update.result,
        who: environment["git.committer"] ?? environment["git.author"] ?? "unknown",
        message: update.message.split("\n")[0] ?? "",
        changes,
        same,
      };
    });
}

/** A table, newest run first. Ends with a newline. */
export function formatHistory(runs: readonly Run[]): string {
  const head = ["when", "what", "result", "took", "who", "changes", "message"];
  const rows = runs.map((run) => [
    run.startedAt.replace("T", " ").slice(0, 19),
    run.kind,
    run.result,
    `${run.seconds} s`,
    run.who,
    changesText(run),
    run.message,
  ]);
  return `${formatColumns([head, ...rows])}\n`;
}

function changesText({ changes, same }: Run): string {
  const texts = Object.entries(changes).map(([what, count]) => `${what} ${count}`);
  return texts.length > 0 ? texts.join(", ") : `none (${same} unchanged)`;
}
