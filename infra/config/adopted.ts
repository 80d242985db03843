import { z } from "zod";

/** Services that `./warren adopt` takes over as it finds them: Debian's package of that name, its unit, its files. */
export const adoptable = ["rabbitmq-server", "keepalived"] as const;
export type Adoptable = (typeof adoptable)[number];

const adoptedFileSchema = z.strictObject({
  /** As found, to the byte; left out where it has secrets: `warren:secrets.files.HOST` has it then. */
  content: z.string().optional(),
  owner: z.string().min(1),
  group: z.string().min(1),
  mode: z.string().regex(/^[0-7]{4}$/, "four octal digits, e.g. 0644"),
});

/**
 * What was built by hand on a host and is kept as it was found. While a host has this, nothing of warren's own is brought to it. A service that is
 * taken out gets warren's own packages, files and unit at the next `up`; without any of it the host is like every other one.
 */
export const adoptedSchema = z.partialRecord(
  z.enum(adoptable),
  z.strictObject({ files: z.record(z.string().regex(/^\//, "an absolute path"), adoptedFileSchema) }),
);

export type AdoptedConfig = z.infer<typeof adoptedSchema>;
export type AdoptedFile = z.infer<typeof adoptedFileSchema>;
