import { z } from "zod";

/** The certificate authority of the stack's own servers. Without files warren makes one and keeps it, encrypted, in the stack's state. */
export const tlsSchema = z.strictObject({
  /** PEM files of a CA, relative to the checkout; both or none. */
  caCertificateFile: z.string().min(1).optional(),
  caKeyFile: z.string().min(1).optional(),
  /** A higher number gives new certificates, and a new CA where warren made it; the former CA stays trusted until the next one. */
  generation: z.int().min(1).max(1_000_000).default(1),
  /** Days that a server's certificate is good for; it is renewed when a third of them is left. */
  days: z.int().min(1).max(3650).default(365),
});
