import type { z } from "zod";
import type { configSchema as announcerSchema } from "../../agents/announcer/config.ts";
import type { configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import type { configSchema as pullerSchema } from "../../agents/puller/config.ts";
import type { AgentSpec } from "./agent-process.ts";
import type { BrokerPlace } from "./broker-place.ts";
import { parseBrokerUrl } from "./broker-place.ts";

/** One URP of the flow: a folder and the address that it is served at. */
export interface Urp {
  readonly name: string;
  readonly rootDirectory: string;
  readonly baseUrl: string;
}

/** One PDS of the flow. */
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

/** A broker that comes back is to be found soon; the agents' own default spares a broker that many wait for. */
const reconnectDelayMaxMs = 1000;

/** What a killed broker has lost out of the pull queue is to go out again before the run is taken for stalled. */
const doubtSeconds = 3;
const doubtMaxSeconds = 10;

/**
 * The agents of the lab on one machine: an announcer a URP, one dispatcher (without a VIP: always active), a puller a PDS.
 * Everything that is not about being on one machine is as the agents have it by default.
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
