import type { AgentHealth } from "../lib/health.ts";
import type { Duplicates } from "./duplicates.ts";
import type { Destination } from "./ports.ts";

/** A destination that is in use, with how it is, and its end. */
export interface OpenDestination {
  readonly destination: Destination;
  state(): Pick<AgentHealth, "ok" | "text" | "connectionTo" | "connected" | "blocked">;
  /** What is under way becomes `later`. */
  close(): Promise<void>;
}

/** What every destination needs. */
export interface OpeningPorts {
  /** Undefined where the same content is sent as often as it comes. */
  readonly duplicates: Duplicates | undefined;
  readonly now: () => number;
}
