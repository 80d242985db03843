import { cpus } from "node:os";
import type { Account } from "../../scripts/traffic/accounting.ts";
import type { ChainLoad } from "./chain-plan.ts";
import { benchTable, rounded } from "./report.ts";

/** Two announcers, one dispatcher, five pullers. */
export const chainAgents = ["announcer", "dispatcher", "puller"] as const;
export type ChainAgent = (typeof chainAgents)[number];

type ByKind = Readonly<Record<ChainAgent | "broker", number>>;

/** What one load cost. */
export interface Measured {
  readonly load: ChainLoad;
  /** From the first file to the last arrival. */
  readonly productsPerSecond: number;
  readonly latencyMs: Account["latencyMs"];
  /** Processor time of each product, milliseconds: all agents of a kind together. */
  readonly cpuMs: ByKind;
  /** After the last arrival: all agents of a kind together. */
  readonly residentBytes: ByKind;
  /** Messages for each product: to the broker, and from it to the agents. */
  readonly received: number;
  readonly delivered: number;
}

export interface ChainResult {
  readonly brokerVersion: string;
  readonly measured: readonly Measured[];
}

const sumOfAgents = (by: ByKind): number => chainAgents.reduce((sum, kind) => sum + by[kind], 0);
const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** The shape of `--json`, by load. */
export function summariseChain({ measured }: ChainResult): Readonly<Record<string, object>> {
  const digits = (by: ByKind) => Object.fromEntries(Object.entries(by).map(([kind, ms]) => [kind, rounded(ms, 2)]));
  const sizes = (by: ByKind) => Object.fromEntries(Object.entries(by).map(([kind, bytes]) => [kind, mebibytes(bytes)]));
  return Object.fromEntries(
    measured.map(({ load, productsPerSecond, latencyMs, cpuMs, residentBytes, received, delivered }) => [
      load.name,
      {
        products: load.products,
        productsPerSecond: rounded(productsPerSecond, 1),
        p50Ms: rounded(latencyMs.p50, 1),
        p99Ms: rounded(latencyMs.p99, 1),
        maxMs: rounded(latencyMs.max, 1),
        cpuMsPerProduct: digits(cpuMs),
        residentMiB: sizes(residentBytes),
        messagesReceived: rounded(received, 2),
        messagesDelivered: rounded(delivered, 2),
      },
    ]),
  );
}

/** The table. Ends with a newline. */
export function formatChainBench({ brokerVersion, measured }: ChainResult): string {
  const row = (what: string, of: (one: Measured) => string): string[] => [what, ...measured.map(of)];
  const cpuRow = (what: string, of: (by: ByKind) => number) => row(what, ({ cpuMs }) => `${of(cpuMs).toFixed(2)} ms`);
  const sizeRow = (what: string, of: (by: ByKind) => number) =>
    row(what, ({ residentBytes }) => `${mebibytes(of(residentBytes))} MiB`);
  return [
    `RabbitMQ ${brokerVersion}; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    "two announcers, a dispatcher, five pullers, each just started; processor time and messages for each product",
    "",
    benchTable([
      row("", ({ load }) => load.name),
      row("products", ({ load }) => String(load.products)),
      row("arrived per second", ({ productsPerSecond }) => productsPerSecond.toFixed(0)),
      row("closed to received, p50", ({ latencyMs }) => `${latencyMs.p50.toFixed(1)} ms`),
      row("closed to received, p99", ({ latencyMs }) => `${latencyMs.p99.toFixed(1)} ms`),
      row("closed to received, max", ({ latencyMs }) => `${latencyMs.max.toFixed(1)} ms`),
      cpuRow("announcers", ({ announcer }) => announcer),
      cpuRow("dispatcher", ({ dispatcher }) => dispatcher),
      cpuRow("pullers", ({ puller }) => puller),
      cpuRow("all agents", sumOfAgents),
      cpuRow("broker", ({ broker }) => broker),
      row("messages to the broker", ({ received }) => received.toFixed(2)),
      row("messages from the broker", ({ delivered }) => delivered.toFixed(2)),
      sizeRow("resident: announcers", ({ announcer }) => announcer),
      sizeRow("resident: dispatcher", ({ dispatcher }) => dispatcher),
      sizeRow("resident: pullers", ({ puller }) => puller),
    ]),
    "",
  ].join("\n");
}
