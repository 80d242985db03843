import type * as z from "zod";
import type { configSchema as announcerSchema } from "../../agents/announcer/config.ts";
import type { configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import type { configSchema as pullerSchema } from "../../agents/puller/config.ts";
import type { AgentSpec } from "./agent-process.ts";
import type { BrokerPlace } from "./broker-place.ts";
import { parseBrokerUrl } from "./broker-place.ts";

/** A URP of the flow: its folder and the URL of that folder. */
export interface Urp {
  readonly name: string;
  readonly rootDirectory: string;
  readonly baseUrl: string;
}

/** A PDS of the flow. */
export interface Pds {
  readonly name: string;
  readonly receiverQueueDirectory: string;
}

export interface SpecOptions {
  readonly place: BrokerPlace;
  readonly passwordFile: string;
  readonly urps: readonly Urp[];
  readonly pds: readonly Pds[];
}

/** Short, to find a restarted broker soon. The agents' default spares a broker with many clients. */
const reconnectDelayMaxMs = 1000;

/** Short, so that products lost from a killed broker's pull queue are dispatched again before the run counts as stalled. */
const doubtSeconds = 3;
const doubtMaxSeconds = 10;

/**
 * The lab's agents on one machine: an announcer for each URP, one dispatcher (always active without a VIP), a puller for each PDS. Settings
 * that don't depend on the single machine have the agents' defaults.
 */
export function agentSpecs({ place, passwordFile, urps, pds }: SpecOptions): AgentSpec[] {
  const { host, vhost, user } = parseBrokerUrl(place.url);
  const common = {
    broker: { hosts: [host], vhost, user, passwordFile, reconnectDelayMaxMs },
    metrics: { port: 0 },
  };
  const announcers = urps.map(({ name, rootDirectory, baseUrl }): AgentSpec => {
    const config: z.input<typeof announcerSchema> = { ...common, exchange: place.exchange, rootDirectory, baseUrl };
    return { name, agent: "announcer", config };
  });
  const dispatcher: z.input<typeof dispatcherSchema> = {
    ...common,
    exchange: place.exchange,
    inputQueue: place.inputQueue,
    outputQueues: [place.pullQueue],
    ledgerQueue: place.ledgerQueue,
    doubtSeconds,
    doubtMaxSeconds,
  };
  const pullers = pds.map(({ name, receiverQueueDirectory }): AgentSpec => {
    const config: z.input<typeof pullerSchema> = {
      ...common,
      exchange: place.exchange,
      queue: place.pullQueue,
      receiverQueueDirectory,
    };
    return { name, agent: "puller", config };
  });
  return [...announcers, { name: "bunny", agent: "dispatcher", config: dispatcher }, ...pullers];
}
