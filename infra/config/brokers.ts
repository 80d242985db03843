import { z } from "zod";
import { nameSchema } from "./hosts.ts";

export const permissionSettings = ["safe", "compatible"] as const;

/** One RabbitMQ cluster; a single member is a cluster of one. */
export const brokerSchema = z.strictObject({
  members: z.array(nameSchema).min(1),
  /** Package series, pinned and held on the members: minor versions replace themselves by Debian's security updates. */
  series: z.enum(["3.10"]),
  /** Name of the virtual IP (`warren:virtualIps`) at which clients find the cluster. */
  virtualIp: nameSchema.optional(),
  port: z.int().min(1).max(65_535).default(5672),
  managementPort: z.int().min(1).max(65_535).default(15_672),
  /** `compatible`: the old regular expressions to the letter; `safe`: anchored, anonymous can't write what is shared. */
  permissions: z.enum(permissionSettings).default("safe"),
  /** Topic exchanges, durable. */
  exchanges: z.array(z.string().min(1)).default(["cmc", "xpublic"]),
  /** Two members can't form a majority: `autoheal` lets the side with more clients win after a partition. */
  partitionHandling: z.enum(["autoheal", "ignore", "pause_minority"]).default("autoheal"),
});

export const brokersSchema = z.record(nameSchema, brokerSchema);
export type BrokerConfig = z.infer<typeof brokerSchema>;
