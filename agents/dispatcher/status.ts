import type { BrokerSessionState } from "../lib/broker-session.ts";
import { type AgentHealth, brokerHealth } from "../lib/health.ts";
import type { CoreState } from "./core.ts";

/** How the dispatcher is, at one moment. */
export interface DispatcherView {
  readonly state: CoreState;
  /** How long it has lasted. */
  readonly stateForMs: number;
  /** Products claimed, not confirmed yet. */
  readonly inFlight: number;
  /** Products remembered. */
  readonly entries: number;
  /** Products that no queue or no broker takes. */
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
  /** By how much the system's clock was set since this process began. */
  readonly clockSteppedMs: number;
  /** How far it is ahead of another dispatcher's; 0 where that is unknown or too little to tell. */
  readonly clockAheadMs: number;
  readonly broker: BrokerSessionState;
  /** Of the connection, in words. */
  readonly connection: string;
  /** Sources that are missed. */
  readonly silentSources: readonly string[];
  /** The queue that holds messages of which the broker gives none. */
  readonly starvedOf: "input" | "ledger" | undefined;
  /** The virtual IP, where there is one. */
  readonly address: string | undefined;
}

/** Both pass within a second where all is well: catching up waits for the ledger queue, and who is fenced should not hold the address. */
const passingMs = 30_000;
const clockSteppedToldMs = 5_000;

/**
 * For `/health` and systemd's status line. Not ok, 503: what needs a person, or will. A standby is well as long as it reads its ledger; a
 * full journal disk is not ok though dispatching goes on: a restart would have to read the whole ledger again.
 */
export function statusOf(view: DispatcherView): AgentHealth {
  const { state, broker, inFlight, entries, retrying, doubts, alternatesWaiting, keptAside, silentSources } = view;
  const isStuck = (state === "catching-up" || state === "fenced") && view.stateForMs >= passingMs;
  const remarks = [
    ...(isStuck ? [`FOR ${Math.round(view.stateForMs / 1000)} s: nothing is dispatched here`] : []),
    view.connection,
    ...(view.starvedOf
      ? [`STARVED: messages wait in the ${view.starvedOf} queue, and the broker gives none of them`]
      : []),
    `${inFlight} in flight, ${entries} remembered`,
    ...some(keptAside, "wait until the ledger is read"),
    ...some(retrying, "products that no queue takes"),
    ...some(doubts, "in doubt: waiting for a puller's receipt"),
    ...some(alternatesWaiting, "requests for an alternate waiting"),
    ...(view.ledgerPaused && state !== "full" ? [`LEDGER NOT READ: no room for more than ${entries} products`] : []),
    ...(view.journalFault === undefined
      ? []
      : [`JOURNAL: ${view.journalFault}; works on from memory, ${view.ledgerUnacked} of the ledger not acked`]),
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
    text: [stateInWords(view), ...remarks].join("; "),
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

function stateInWords({ state, address, entries }: DispatcherView): string {
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
      return `FULL: ${entries} products remembered (entriesMax), taking no more until the window has passed`;
    case "stopped":
      return "stopping";
  }
}

/** One that was set by little is told; what two hosts disagree about, a person must put right. */
function clockRemarks({ clockSteppedMs, clockAheadMs }: DispatcherView): string[] {
  const seconds = (ms: number): number => Math.round(Math.abs(ms) / 1000);
  const stepped = `the clock was set ${clockSteppedMs < 0 ? "back" : "forward"} by ${seconds(clockSteppedMs)} s`;
  const differs = `CLOCK: ${seconds(clockAheadMs)} s ${clockAheadMs < 0 ? "behind" : "ahead of"} another dispatcher's`;
  return [
    ...(Math.abs(clockSteppedMs) < clockSteppedToldMs ? [] : [stepped]),
    ...(clockAheadMs === 0 ? [] : [differs]),
  ];
}

function some(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
