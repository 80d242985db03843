import type { AgentHealth } from "../lib/health.ts";
import type { Duplicates } from "./duplicates.ts";
import type { Destination } from "./ports.ts";

/** An open destination, with its state and how to close it. */
export interface OpenDestination {
  readonly destination: Destination;
  state(): Pick<AgentHealth, "ok" | "text" | "connectionTo" | "connected" | "blocked">;
  /** Deliveries in flight get the outcome `later`. */
  close(): Promise<void>;
}

/** What every destination needs. */
export interface OpeningPorts {
  /** Undefined if duplicates are sent. */
  readonly duplicates: Duplicates | undefined;
  readonly now: () => number;
}
