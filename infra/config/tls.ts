import * as z from "zod";

/** The certificate authority of the stack's servers. Without files, warren creates one and keeps it, encrypted, in the stack's state. */
export const tlsSchema = z.strictObject({
  /** PEM files of a CA, relative to the checkout; both or neither. */
  caCertificateFile: z.string().min(1).optional(),
  caKeyFile: z.string().min(1).optional(),
  /** A higher number issues new certificates, and a new CA if warren created it; the previous CA stays trusted until the next increase. */
  generation: z.int().min(1).max(1_000_000).default(1),
  /** Days for which a server's certificate is valid; it is renewed when a third of them is left. */
  days: z.int().min(1).max(3650).default(365),
});
