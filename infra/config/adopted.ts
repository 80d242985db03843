import * as z from "zod";

/** Services that `./warren adopt` takes over unchanged: Debian's package of that name, its unit and its files. */
export const adoptable = ["rabbitmq-server", "keepalived"] as const;
export type Adoptable = (typeof adoptable)[number];

const adoptedFileSchema = z.strictObject({
  /** As found, byte for byte; left out for a file with secrets, whose content is in `warren:secrets.files.HOST`. */
  content: z.string().optional(),
  owner: z.string().min(1),
  group: z.string().min(1),
  mode: z.string().regex(/^[0-7]{4}$/, "expected four octal digits, e.g. 0644"),
});

/**
 * Services of a host that were set up by hand and stay as they were found. As long as a host has any, warren installs nothing of its own on it.
 * A service that is removed from here gets warren's packages, files and unit at the next `up`. Without `adopted` a host is like any other.
 */
export const adoptedSchema = z.partialRecord(
  z.enum(adoptable),
  z.strictObject({ files: z.record(z.string().regex(/^\//, "expected an absolute path"), adoptedFileSchema) }),
);

export type AdoptedConfig = z.infer<typeof adoptedSchema>;
export type AdoptedFile = z.infer<typeof adoptedFileSchema>;
