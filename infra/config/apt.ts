import * as z from "zod";

/** No user and password: the file is readable by everybody on the host. */
const urlSchema = z
  .string()
  .regex(/^https?:\/\/[A-Za-z0-9[][A-Za-z0-9.:[\]-]*(\/[\w.~%/+-]*)?$/, "expected an http or https URL without a user");

/** An OpenPGP public key as `gpg --export --armor` prints it. */
const keySchema = z
  .string()
  .regex(
    /^\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\n[\w+/=:. \n-]+\n-----END PGP PUBLIC KEY BLOCK-----\s*$/,
    "expected a public key, as gpg --export --armor prints it",
  );

const wordSchema = z.string().regex(/^[a-z0-9][a-z0-9.+/-]*$/, "expected letters, digits, `.`, `+`, `-` and `/`");

const sourceSchema = z.strictObject({
  url: urlSchema,
  /** Default: the host's Debian release. A path that ends in `/` is a flat repository, without components. */
  suite: z
    .string()
    .regex(/^[A-Za-z0-9.][A-Za-z0-9._/-]*$/, "expected a suite, e.g. trixie, or a path that ends in /")
    .optional(),
  components: z.array(wordSchema).min(1).default(["main"]),
  key: keySchema,
});

/** From where hosts install packages. Without it, hosts use the sources that they have. */
export const aptSchema = z.strictObject({
  /** For http and https. */
  proxy: urlSchema.optional(),
  /** Mirrors of Debian and of its security updates, in place of all sources that the host has; those are ignored, and stay as they are. */
  mirror: z
    .strictObject({
      url: urlSchema,
      securityUrl: urlSchema,
      components: z.array(wordSchema).min(1).default(["main"]),
      /** For a mirror that is signed by its owner. Default: Debian's keys, which the host has. */
      key: keySchema.optional(),
    })
    .optional(),
  /** More sources by name, each signed, e.g. a mirror of RabbitMQ's own packages. */
  sources: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected a name"), sourceSchema).default({}),
});

export type AptConfig = z.infer<typeof aptSchema>;
