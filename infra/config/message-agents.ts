import * as z from "zod";
import { configSchema as bridgeSchema, checkEcho } from "../../agents/bridge/config.ts";
import { logConfig } from "../../agents/lib/config.ts";
import { configSchema as receiverSchema } from "../../agents/receiver/config.ts";
import { byName } from "./by-name.ts";
import { absolute } from "./delivery.ts";
import { nameSchema } from "./hosts.ts";

/** Hosts and broker of an agent; its instances on several hosts share one queue. */
const placement = {
  hosts: z.array(nameSchema).min(1),
  /** A name under `warren:brokers`; the agent logs in as the agents' user. */
  broker: nameSchema,
  logLevel: logConfig.shape.level,
};

/** Receivers by name: each message of a topic becomes a file in an rxq. Units are called `warren-receiver-NAME`. */
export const receiversSchema = z
  .record(
    nameSchema,
    z.strictObject({
      ...placement,
      exchange: receiverSchema.shape.exchange,
      topics: receiverSchema.shape.bindingKeys,
      /** Default: `/apps/px/rxq/NAME`. */
      directory: absolute.optional(),
    }),
  )
  .transform(byName);

const { from, to } = bridgeSchema.shape;

/** Bridges by name: each announcement of one format is published in others. Units are called `warren-bridge-NAME`. */
export const bridgesSchema = z
  .record(nameSchema, z.strictObject({ ...placement, from, to }).superRefine(checkEcho))
  .transform(byName);

export type ReceiverConfig = z.infer<typeof receiversSchema>[string];
export type BridgeConfig = z.infer<typeof bridgesSchema>[string];
