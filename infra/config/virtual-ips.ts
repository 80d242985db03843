import { z } from "zod";
import { addressSchema, fullNameSchema, nameSchema } from "./hosts.ts";

/**
 * Seconds between adverts by the kind of machine. A take-over needs about three of them, and a machine that is silent for longer loses its
 * address. On metal 0.2 s is far above any pause; a virtual machine may pause for a second while it migrates.
 */
const timings = { metal: { advertSeconds: 0.2 }, migrating: { advertSeconds: 1 } } as const;

/** Preset for a host's kind of machine. */
export const timingSchema = z.enum(["metal", "migrating"]).default("metal");

/** One address that moves between hosts by VRRP version 3. */
const virtualIpKeys = z.strictObject({
  address: addressSchema,
  /** As for a host. */
  fqdn: fullNameSchema.optional(),
  prefixLength: z.int().min(1).max(32).default(32),
  interface: z.string().regex(/^[a-z][a-z0-9.-]{0,14}$/, "expected an interface name of at most 15 characters"),
  /** VRRP virtual router id; unique for each address on a segment (RFC 5798). */
  routerId: z.int().min(1).max(255),
  /** Host -> VRRP priority; the healthy host with the highest priority holds the address. */
  priorities: z.record(nameSchema, z.int().min(1).max(254)),
  timing: timingSchema,
  /** Seconds between adverts, to override the preset. VRRP version 3 counts in hundredths. */
  advertSeconds: z.number().min(0.05).max(40).optional(),
  /** Seconds that a host with higher priority waits before it takes the address back. */
  preemptDelaySeconds: z.int().min(0).max(1000).default(5),
});

/** With the preset's seconds filled in. */
const virtualIpSchema = virtualIpKeys.transform((vip) => ({
  ...vip,
  advertSeconds: vip.advertSeconds ?? timings[vip.timing].advertSeconds,
}));

export const virtualIpsSchema = z.record(nameSchema, virtualIpSchema);
