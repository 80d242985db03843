import type { BrokerSessionState } from "../lib/broker-session.ts";
import { type AgentHealth, brokerHealth } from "../lib/health.ts";
import type { CoreState } from "./core.ts";

/** The dispatcher's status at one moment. */
export interface DispatcherView {
  readonly state: CoreState;
  /** How long it has lasted. */
  readonly stateForMs: number;
  /** Products claimed, not confirmed yet. */
  readonly inFlight: number;
  /** Products remembered. */
  readonly entries: number;
  /** Products that no queue or no broker accepts. */
  readonly retrying: number;
  /** Announcements that wait until the ledger is read up to a marker. */
  readonly keptAside: number;
  /** Redeliveries held until it is proven that their product is in the pull queue. */
  readonly doubts: number;
  /** Pullers' requests that wait for a twin. */
  readonly alternatesWaiting: number;
  readonly ledgerUnacked: number;
  readonly ledgerPaused: boolean;
  /** Why nothing can be written to the journal; undefined while it can. */
  readonly journalFault: string | undefined;
  readonly journalBytes: number;
  /** How far the system's clock was set since this process started. */
  readonly clockSteppedMs: number;
  /** How far it is ahead of another dispatcher's; 0 if unknown or too little to report. */
  readonly clockAheadMs: number;
  readonly broker: BrokerSessionState;
  /** The connection's state as a text. */
  readonly connection: string;
  /** Sources in alarm. */
  readonly silentSources: readonly string[];
  /** The queue that has messages of which the broker delivers none. */
  readonly starvedOf: "input" | "ledger" | undefined;
  /** The virtual IP, if there is one. */
  readonly address: string | undefined;
}

/**
 * In a healthy system both states pass within a second: catching up waits for the ledger queue, and a fenced host should not hold
 * the address.
 */
const passingMs = 30_000;
const reportedStepMinMs = 5_000;

/**
 * For `/health` and systemd's status line. Not ok (503) if a person has to act, now or soon. A standby is healthy while it reads
 * its ledger. A full journal disk is not ok although dispatching continues: a restart would have to read the whole ledger again.
 */
export function statusOf(view: DispatcherView): AgentHealth {
  const { state, broker, inFlight, entries, retrying, doubts, alternatesWaiting, keptAside, silentSources } = view;
  const isStuck = (state === "catching-up" || state === "fenced") && view.stateForMs >= passingMs;
  const remarks = [
    ...(isStuck ? [`FOR ${Math.round(view.stateForMs / 1000)} s: nothing is dispatched here`] : []),
    view.connection,
    ...(view.starvedOf
      ? [`STARVED: messages wait in the ${view.starvedOf} queue, and the broker delivers none of them`]
      : []),
    `${inFlight} in flight, ${entries} remembered`,
    ...countOf(keptAside, "deferred until the ledger is read"),
    ...countOf(retrying, "products that no queue accepts"),
    ...countOf(doubts, "unconfirmed, waiting for a puller's receipt"),
    ...countOf(alternatesWaiting, "requests for an alternate waiting"),
    ...(view.ledgerPaused && state !== "full" ? [`LEDGER NOT READ: no room for more than ${entries} products`] : []),
    ...(view.journalFault === undefined
      ? []
      : [`JOURNAL: ${view.journalFault}; working from memory, ${view.ledgerUnacked} ledger messages unacked`]),
    ...clockRemarks(view),
    ...(silentSources.length === 0 ? [] : [`SILENT: ${silentSources.join(", ")}`]),
  ];
  return {
    ok:
      broker === "ready" &&
      state !== "full" &&
      !isStuck &&
      view.starvedOf === undefined &&
      retrying === 0 &&
      !view.ledgerPaused &&
      view.journalFault === undefined &&
      view.clockAheadMs === 0 &&
      silentSources.length === 0,
    text: [stateText(view), ...remarks].join("; "),
    ...brokerHealth(broker),
    starvedOf: view.starvedOf,
    ...{ state, broker, inFlight, entries, retrying, keptAside, doubts, alternatesWaiting },
    ledgerUnacked: view.ledgerUnacked,
    ledgerPaused: view.ledgerPaused,
    journalFault: view.journalFault,
    clockAheadMs: Math.round(view.clockAheadMs),
    silentSources,
  };
}

function stateText({ state, address, entries }: DispatcherView): string {
  const holding = address === undefined ? "" : `, holding ${address}`;
  switch (state) {
    case "active":
      return `active${holding}`;
    case "standby":
      return `standby (warm, ${entries} known): ${address} is elsewhere`;
    case "catching-up":
      return `catching up: reading the ledger before deciding${holding}`;
    case "fenced":
      return `fenced: the broker feeds another dispatcher${holding}`;
    case "full":
      return `FULL: ${entries} products remembered (entriesMax), accepting no more until the window has passed`;
    case "stopped":
      return "stopping";
  }
}

/** A small step is reported for information; a difference between two hosts needs a person. */
function clockRemarks({ clockSteppedMs, clockAheadMs }: DispatcherView): string[] {
  const seconds = (ms: number): number => Math.round(Math.abs(ms) / 1000);
  const stepped = `the clock was set ${clockSteppedMs < 0 ? "back" : "forward"} by ${seconds(clockSteppedMs)} s`;
  const differs = `CLOCK: ${seconds(clockAheadMs)} s ${clockAheadMs < 0 ? "behind" : "ahead of"} another dispatcher's clock`;
  return [...(Math.abs(clockSteppedMs) < reportedStepMinMs ? [] : [stepped]), ...(clockAheadMs === 0 ? [] : [differs])];
}

function countOf(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
