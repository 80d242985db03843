import { z } from "zod";
import { byName } from "./by-name.ts";
import { absolute } from "./delivery.ts";
import { nameSchema } from "./hosts.ts";

const exchange = z.string().min(1).max(127);

/** Where an agent of this kind runs, and its broker; on several hosts they share one queue. */
const placement = {
  hosts: z.array(nameSchema).min(1),
  /** A name under `warren:brokers`; the agent logs in as the agents' user. */
  broker: nameSchema,
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
};

/** Receivers by name: each message of a topic becomes a file in an rxq. Units are called `warren-receiver-NAME`. */
export const receiversSchema = z
  .record(
    nameSchema,
    z.strictObject({
      ...placement,
      exchange,
      /** Binding keys. */
      topics: z.array(z.string().min(1).max(255)).min(1),
      /** Left out: `/apps/px/rxq/NAME`. */
      directory: absolute.optional(),
    }),
  )
  .transform(byName);

const announced = z.strictObject({
  format: z.enum(["v00", "v02", "v03", "exp"]),
  exchange,
  /** First words of the routing key, e.g. `v02.post`; the folders follow. */
  topicPrefix: z.string().min(1).max(255),
  /** What v00's md5 is of; left out: the product's name. */
  keyOf: z.enum(["product-name", "content"]).optional(),
});

/** Bridges by name: each announcement of one format goes out in others. Units are called `warren-bridge-NAME`. */
export const bridgesSchema = z
  .record(nameSchema, z.strictObject({ ...placement, from: announced, to: z.array(announced).min(1).max(8) }))
  .transform(byName);

export type ReceiverConfig = z.infer<typeof receiversSchema>[string];
export type BridgeConfig = z.infer<typeof bridgesSchema>[string];
