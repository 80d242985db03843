import * as z from "zod";
import { addressSchema, fullNameSchema, nameSchema } from "./hosts.ts";

/**
 * Seconds between adverts by the kind of machine. A take-over needs about three of them, and a machine that is silent for longer loses its
 * address. On metal 0.2 s is far above any pause; a virtual machine may pause for a second while it migrates.
 */
const timings = { metal: { advertSeconds: 0.2 }, migrating: { advertSeconds: 1 } } as const;

/** Preset for a host's kind of machine. */
export const timingSchema = z.enum(["metal", "migrating"]).default("metal");

/** VRRP version 2 counts whole seconds, from 1. */
const vrrp2AdvertSeconds = 1;

/**
 * VRRP version 2 as the old keepalived.conf has it: by multicast, with `track_interface` and a password. For a virtual IP that is shared with a
 * host that still has the old text: neither version hears the other.
 */
const vrrp2Schema = z.strictObject({
  /** `auth_pass`: no secret, because each advert has it in the clear. keepalived uses eight characters. */
  authPass: z.string().regex(/^[\w.-]{1,8}$/, "expected at most 8 letters, digits, `_`, `.` or `-`"),
});

/** One address that moves between hosts by VRRP, version 3 unless `vrrp2` is given. */
export const virtualIpKeys = z.strictObject({
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
  vrrp2: vrrp2Schema.optional(),
  /** Seconds between adverts, to override the preset. VRRP version 3 counts in hundredths, version 2 in whole seconds. */
  advertSeconds: z.number().min(0.05).max(40).optional(),
  /** Seconds that a host with higher priority waits before it takes the address back. */
  preemptDelaySeconds: z.int().min(0).max(1000).default(5),
});

/** With the preset's seconds filled in. */
const virtualIpSchema = virtualIpKeys.transform((vip) => ({
  ...vip,
  advertSeconds: vip.advertSeconds ?? presetSeconds(vip),
}));

const presetSeconds = ({ vrrp2, timing }: z.infer<typeof virtualIpKeys>): number =>
  vrrp2 ? vrrp2AdvertSeconds : timings[timing].advertSeconds;

export const virtualIpsSchema = z.record(nameSchema, virtualIpSchema);
