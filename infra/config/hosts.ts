import { z } from "zod";
import { adoptedSchema } from "./adopted.ts";
import { hostKeySchema } from "./host-key.ts";

/** A DNS label: host, cluster and virtual IP names must resolve, and RabbitMQ makes node names of them. */
export const nameSchema = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, "a name of lower-case letters, digits and hyphens, at most 63");

export const addressSchema = z.ipv4("an IPv4 address");

export const portSchema = z.int().min(1).max(65_535);

/** How a host is logged in to. What a host doesn't say, `warren:ssh` says. */
export const sshSchema = z.strictObject({
  /** root, or a user whose sudo asks for no password. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]*$/, "a login name"),
  port: portSchema.default(22),
  /** Path of the private key, relative to the checkout. */
  privateKeyFile: z.string().min(1),
  /**
   * OpenSSH known_hosts with keys of hosts, by name or address, relative to the checkout. The key of a host that it doesn't name is pinned at
   * first contact, and recorded in the stack.
   */
  knownHostsFile: z.string().min(1).optional(),
  /** Seconds a dial may take before the host counts as unreachable. */
  dialTimeoutSeconds: z.int().min(1).max(60).default(5),
});

const hostSshSchema = z.strictObject({
  user: sshSchema.shape.user.optional(),
  port: portSchema.optional(),
  /** Name of the host that is the jump host to this one. */
  via: nameSchema.optional(),
  /** The host's public key, before every other that is known of it: how a new one is taken. */
  hostKey: hostKeySchema.optional(),
});

export const roles = ["urp", "bunny", "pds", "px", "dd", "client", "ldap"] as const;
export type Role = (typeof roles)[number];

const hostSchema = z.strictObject({
  address: addressSchema,
  roles: z.array(z.enum(roles)).min(1),
  release: z.enum(["bookworm", "trixie"]).default("bookworm"),
  ssh: hostSshSchema.default({}),
  /** Services that were built by hand and stay as they were found, see `./warren adopt`. */
  adopted: adoptedSchema.optional(),
});

export const hostsSchema = z.record(nameSchema, hostSchema);
