import { andMore, byHost, judges, namesShown, type Section } from "../lib/table.ts";
import type { PublicResult } from "./public-run.ts";

/** Whether everything given to px was announced once and arrived intact at each client. */
export function isPublicGood({ account, outcome }: PublicResult): boolean {
  const { lost, repeated, wrongSize, wrongContent } = account;
  return outcome === "complete" && lost + repeated + wrongSize + wrongContent === 0;
}

/** The report's section on a public data server path. @param host of the server, if there are several */
export function publicSection(result: PublicResult, color: boolean, host = ""): Section {
  const { account, details, count } = result;
  const { none, all } = judges(color);
  const { p50, p99, max } = account.latencyMs;
  return {
    title: host === "" ? "px to the public" : `px to the public, by ${host}`,
    rows: [
      ["given to", byHost(account.given)],
      ["announced", all(account.announced, count)],
      ["fetched", byHost(account.fetched)],
      ["lost", none(account.lost)],
      ["repeated", none(account.repeated)],
      ["wrong size", none(account.wrongSize)],
      ["wrong content", none(account.wrongContent)],
      ["given to fetched", `p50 ${p50} ms   p99 ${p99} ms   max ${max} ms`],
    ],
    complaints: complain(result),
    notes:
      details.tapGaps > 0
        ? ["the public broker was away while counting: announced and repeated are at least these numbers"]
        : [],
  };
}

function complain({ details, outcome }: PublicResult): string[] {
  if (outcome === "aborted") return ["stopped before everything had arrived"];
  const lines: string[] = outcome === "stalled" ? ["gave up: nothing arrived any more"] : [];
  for (const { name, client, wasAnnounced } of details.lost.slice(0, namesShown)) {
    const where = wasAnnounced
      ? `announced, not fetched: check warren-subscriber on ${client}`
      : "given, not announced: check warren-delivery-* and warren-dd-notify on px";
    lines.push(`lost: ${name} (${where})`);
  }
  lines.push(...andMore(details.lost.length));
  for (const name of details.repeated.slice(0, namesShown)) lines.push(`announced again: ${name}`);
  lines.push(...andMore(details.repeated.length));
  for (const { name, client, kind } of details.wrong.slice(0, namesShown)) {
    lines.push(`wrong ${kind}: ${name} on ${client}`);
  }
  lines.push(...andMore(details.wrong.length));
  return lines;
}
