import { formatColumns } from "../../../lib/table.ts";
import type { ProbeResult } from "./hops.ts";

const titles = { radar: "a product of the radar servers", public: "a product of px" } as const;

/** One line a hop. Ends with a newline. */
export function formatProbe({ road, sender, product, hops, totalMs, stopped, left }: ProbeResult): string {
  const rows = hops.map(({ hop, host, atMs, afterMs }) => [
    hop,
    host,
    new Date(atMs).toISOString().slice(11, 23),
    `+${afterMs} ms`,
  ]);
  const end = stopped
    ? `stopped: ${stopped.host}, ${stopped.hop}: ${stopped.evidence}`
    : `arrived after ${totalMs} ms, by the hosts' own clocks`;
  const stays = left.length > 0 ? [`it stays on ${left.join(", ")}, because agents may still ask for it`] : [];
  const table = rows.length > 0 ? [formatColumns(rows, "  ")] : [];
  const by = sender === undefined ? "" : ` by ${sender}`;
  const words = [end, ...stays].map((text) => `  ${text}`);
  return `${[`probe: ${titles[road]}${by}, ${product}`, ...table, ...words].join("\n")}\n`;
}
