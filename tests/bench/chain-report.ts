import { cpus } from "node:os";
import type { Account } from "../../scripts/traffic/accounting.ts";
import type { ChainLoad } from "./chain-plan.ts";
import { benchTable, rounded } from "./report.ts";

/** Two announcers, one dispatcher, five pullers. */
export const chainAgents = ["announcer", "dispatcher", "puller"] as const;
export type ChainAgent = (typeof chainAgents)[number];

/** A chain's processes, by host: warren's agents, or sr3's programs in their place. */
export type ChainAgents = ReadonlyMap<
  string,
  { readonly pid: number | undefined; readonly spec: { readonly agent: string } }
>;

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
  /** Products lost, repeated or with other content. Always 0 for warren: the bench fails. */
  readonly faults: number;
  /** The same load through sr3's programs. */
  readonly sr3?: Measured;
}

export interface ChainResult {
  readonly brokerVersion: string;
  readonly measured: readonly Measured[];
}

const sumOfAgents = (by: ByKind): number => chainAgents.reduce((sum, kind) => sum + by[kind], 0);
const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** The shape of `--json`, by load. */
export function summariseChain({ measured }: ChainResult): Readonly<Record<string, object>> {
  return Object.fromEntries(
    measured.map((one) => [one.load.name, { ...summaryOf(one), ...(one.sr3 ? { sr3: summaryOf(one.sr3) } : {}) }]),
  );
}

function summaryOf(one: Measured): object {
  const { load, productsPerSecond, latencyMs, cpuMs, residentBytes, received, delivered, faults } = one;
  const digits = (by: ByKind) => Object.fromEntries(Object.entries(by).map(([kind, ms]) => [kind, rounded(ms, 2)]));
  const sizes = (by: ByKind) => Object.fromEntries(Object.entries(by).map(([kind, bytes]) => [kind, mebibytes(bytes)]));
  return {
    products: load.products,
    productsPerSecond: rounded(productsPerSecond, 1),
    p50Ms: rounded(latencyMs.p50, 1),
    p99Ms: rounded(latencyMs.p99, 1),
    maxMs: rounded(latencyMs.max, 1),
    cpuMsPerProduct: digits(cpuMs),
    residentMiB: sizes(residentBytes),
    messagesReceived: rounded(received, 2),
    messagesDelivered: rounded(delivered, 2),
    faults,
  };
}

/** The table. Ends with a newline. */
export function formatChainBench({ brokerVersion, measured }: ChainResult): string {
  const besideSr3 = measured.some(({ sr3 }) => sr3);
  const title = ({ load, sr3 }: Measured) => (sr3 ? [load.name, "sr3", "ratio"] : [load.name]);
  const row = (what: string, of: (one: Measured) => number, digits: number, unit = ""): string[] => [
    what,
    ...measured.flatMap((one) => {
      const cell = (value: number) => `${value.toFixed(digits)}${unit}`;
      if (!one.sr3) return [cell(of(one))];
      return [cell(of(one)), cell(of(one.sr3)), of(one.sr3) === 0 ? "" : (of(one) / of(one.sr3)).toFixed(2)];
    }),
  ];
  const cpuRow = (what: string, of: (by: ByKind) => number) => row(what, ({ cpuMs }) => of(cpuMs), 2, " ms");
  const sizeRow = (what: string, of: (by: ByKind) => number) =>
    row(what, ({ residentBytes }) => mebibytes(of(residentBytes)), 0, " MiB");
  return [
    `RabbitMQ ${brokerVersion}; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    "two announcers, a dispatcher, five pullers, each just started; processor time and messages for each product",
    ...(besideSr3 ? ["sr3: two watch, a winnow, five subscribe; ratio: warren's figure divided by sr3's"] : []),
    "",
    benchTable([
      ["", ...measured.flatMap(title)],
      row("products", ({ load }) => load.products, 0),
      row("arrived per second", ({ productsPerSecond }) => productsPerSecond, 0),
      row("closed to received, p50", ({ latencyMs }) => latencyMs.p50, 1, " ms"),
      row("closed to received, p99", ({ latencyMs }) => latencyMs.p99, 1, " ms"),
      row("closed to received, max", ({ latencyMs }) => latencyMs.max, 1, " ms"),
      cpuRow("announcers", ({ announcer }) => announcer),
      cpuRow("dispatcher", ({ dispatcher }) => dispatcher),
      cpuRow("pullers", ({ puller }) => puller),
      cpuRow("all agents", sumOfAgents),
      cpuRow("broker", ({ broker }) => broker),
      row("messages to the broker", ({ received }) => received, 2),
      row("messages from the broker", ({ delivered }) => delivered, 2),
      sizeRow("resident: announcers", ({ announcer }) => announcer),
      sizeRow("resident: dispatcher", ({ dispatcher }) => dispatcher),
      sizeRow("resident: pullers", ({ puller }) => puller),
      ...(besideSr3 ? [row("lost, repeated or wrong", ({ faults }) => faults, 0)] : []),
    ]),
    "",
  ].join("\n");
}
