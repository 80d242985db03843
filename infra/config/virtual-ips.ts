import { z } from "zod";
import { addressSchema, nameSchema } from "./hosts.ts";

/** One address that moves between hosts by VRRP version 3. */
export const virtualIpSchema = z.strictObject({
  address: addressSchema,
  prefixLength: z.int().min(1).max(32).default(32),
  interface: z.string().regex(/^[a-z][a-z0-9.-]{0,14}$/, "an interface name of at most 15 characters"),
  /** VRRP virtual router id: one number an address on a segment (RFC 5798). */
  routerId: z.int().min(1).max(255),
  /** Host -> VRRP priority; the highest sound host holds the address. */
  priorities: z.record(nameSchema, z.int().min(1).max(254)),
  /** Seconds between adverts; take-over needs about three of them. 0.2 on metal, 1 on machines that migrate. */
  advertSeconds: z.number().min(0.05).max(40).default(0.2),
  /** Seconds that a host with higher priority waits before it takes the address back. */
  preemptDelaySeconds: z.int().min(0).max(1000).default(5),
});

export const virtualIpsSchema = z.record(nameSchema, virtualIpSchema);
