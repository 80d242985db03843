import type { StackConfig } from "../config/index.ts";
import type { Certificates } from "./tls.ts";
import type { ArtifactSources, HostModel } from "./types.ts";

/** What one role adds to a host; a host is the sum of its parts. */
export type HostPart = Partial<
  Pick<HostModel, "accounts" | "directories" | "files" | "packages" | "artifacts" | "units">
>;

/** The input from which a role builds its part. */
export interface PartContext {
  readonly stack: string;
  readonly config: StackConfig;
  readonly host: string;
  readonly artifacts: ArtifactSources;
  readonly certificates: Certificates;
}
