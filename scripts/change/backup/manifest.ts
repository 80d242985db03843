import { createHash } from "node:crypto";
import * as z from "zod";

/** `definitions` of a cluster, `journal` of a dispatcher's host (a tar archive of its folder), the engine's `state` as `pulumi stack export` prints it. */
export const partKinds = ["state", "definitions", "journal"] as const;

const partSchema = z.object({
  kind: z.enum(partKinds),
  /** The cluster or host; for the state, the stack. */
  of: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  takenAt: z.string(),
});
export type PartEntry = z.infer<typeof partSchema>;

const missingSchema = z.object({ kind: z.enum(partKinds), of: z.string(), why: z.string() });
export type Missing = z.infer<typeof missingSchema>;

export const manifestSchema = z.object({
  stack: z.string(),
  createdAt: z.string(),
  /** `user@host`. */
  by: z.string(),
  versions: z.object({
    warren: z.string(),
    engine: z.string(),
    /** RabbitMQ's, by cluster. */
    brokers: z.record(z.string(), z.string()),
  }),
  /** sha256 of the stack's config as the engine reads it, without secrets. */
  config: z.string(),
  parts: z.array(partSchema),
  /** Parts that could not be read. */
  missing: z.array(missingSchema),
  /** By path in the config; equal secrets under equal paths have equal fingerprints. */
  fingerprints: z.record(z.string(), z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** One part with its content. */
export interface Part {
  readonly entry: PartEntry;
  readonly content: Buffer;
}

/** Entries of a backup's archive beside its parts. */
export const manifestName = "manifest.json";
export const fingerprintKeyName = "fingerprints.key";

/** The name of a part in a backup's archive, e.g. `definitions/bunny.json`. */
export const partFile = ({ kind, of }: Pick<PartEntry, "kind" | "of">): string =>
  `${kind}/${of}${kind === "journal" ? ".tar" : ".json"}`;

export const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

export function makePart(kind: PartEntry["kind"], of: string, content: Buffer, takenAt = new Date()): Part {
  const entry = { kind, of, bytes: content.length, sha256: sha256(content), takenAt: takenAt.toISOString() };
  return { entry, content };
}

/** `definitions of bunny`. */
export const partName = ({ kind, of }: Pick<PartEntry, "kind" | "of">): string => `${kind} of ${of}`;
