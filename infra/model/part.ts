import type { StackConfig } from "../config/index.ts";
import type { Certificates } from "./tls.ts";
import type { ArtifactSources, HostModel } from "./types.ts";

/** Where an agent of a host has its metrics. */
export interface AgentMetrics {
  /** Its unit's name without `warren-`. */
  readonly agent: string;
  /** On loopback. */
  readonly port: number;
}

/** What one role adds to a host; a host is the sum of its parts. */
export type HostPart = Partial<
  Pick<HostModel, "accounts" | "directories" | "files" | "packages" | "artifacts" | "units"> & {
    readonly metrics: readonly AgentMetrics[];
  }
>;

/** The input from which a role builds its part. */
export interface PartContext {
  readonly stack: string;
  readonly config: StackConfig;
  readonly host: string;
  readonly artifacts: ArtifactSources;
  readonly certificates: Certificates;
}
