import * as z from "zod";
import { adoptedSchema } from "./adopted.ts";
import { aptSchema } from "./apt.ts";
import { hostKeySchema } from "./host-key.ts";

/** A DNS label: names of hosts, clusters and virtual IPs must resolve, and RabbitMQ builds node names from them. */
export const nameSchema = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, "expected a name of lower-case letters, digits and hyphens, at most 63");

/** A full name in DNS, e.g. `urp-1.cmc.ec.gc.ca`, or a domain. */
export const fullNameSchema = z
  .string()
  .max(253)
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "expected a full name of lower-case labels and dots, e.g. urp-1.cmc.ec.gc.ca",
  );

export const addressSchema = z.ipv4("expected an IPv4 address");

export const portSchema = z.int().min(1).max(65_535);

/** How to log in to a host. `warren:ssh` applies where a host has no value of its own. */
export const sshSchema = z.strictObject({
  /** root, or a user with sudo without a password. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]*$/, "expected a login name"),
  port: portSchema.default(22),
  /** Path of the private key, relative to the checkout. */
  privateKeyFile: z.string().min(1),
  /**
   * OpenSSH known_hosts with keys of hosts, by name or address, relative to the checkout. `up` asks about the key of a host that
   * is not in it, and records it in the stack.
   */
  knownHostsFile: z.string().min(1).optional(),
  /** Seconds a dial may take before the host counts as unreachable. */
  dialTimeoutSeconds: z.int().min(1).max(60).default(5),
});

const hostSshSchema = z.strictObject({
  user: sshSchema.shape.user.optional(),
  port: portSchema.optional(),
  /** Name of the jump host for this host. */
  via: nameSchema.optional(),
  /** The host's public key. It takes precedence over every known key, so this is how a new key is accepted. */
  hostKey: hostKeySchema.optional(),
});

export const roles = ["urp", "bunny", "pds", "px", "dd", "client", "ldap", "monitor"] as const;
export type Role = (typeof roles)[number];

export const releases = ["bookworm", "trixie"] as const;

const hostSchema = z.strictObject({
  address: addressSchema,
  /** Its full name in DNS; default: its name in `warren:domain`, or only its name where the stack has no domain. */
  fqdn: fullNameSchema.optional(),
  /** More names that lead to it on the stack's hosts and that its certificate has, e.g. `dd1.weather.gc.ca`. */
  aliases: z.array(fullNameSchema).optional(),
  roles: z.array(z.enum(roles)).min(1),
  release: z.enum(releases).default("bookworm"),
  ssh: hostSshSchema.default({}),
  /** Overrides `warren:apt`, key by key and source by source. */
  apt: aptSchema.optional(),
  /** Services that were set up by hand and stay as they were found; see `./warren adopt`. */
  adopted: adoptedSchema.optional(),
});

export const hostsSchema = z.record(nameSchema, hostSchema);

/** Names of the hosts with a role. */
export const hostsWith = (
  { hosts }: { readonly hosts: Readonly<Record<string, { readonly roles: readonly Role[] }>> },
  role: Role,
): string[] => Object.keys(hosts).filter((name) => hosts[name]?.roles.includes(role));
