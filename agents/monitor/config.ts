import * as z from "zod";
import { brokerConfig, commonConfig, exchangeName } from "../lib/config.ts";
import { centreId } from "../lib/wis-rules.ts";

const name = z.string().min(1).max(253);
const url = z.url({ protocol: /^http$/, error: "expected a URL of this host, e.g. http://127.0.0.1:9090" });

/** A sender on its host; `agent` is its unit's name without `warren-`. */
const senderSchema = z.strictObject({ host: name, agent: name });

const radarSchema = z.strictObject({
  servers: z
    .array(z.strictObject({ host: name, sources: z.array(name).max(4).describe("hosts in its announcements' URLs") }))
    .min(1)
    .max(64),
  cluster: name.describe("label `cluster` of its brokers"),
  members: z.array(name).min(1).max(16),
  address: z.string().max(64).optional().describe("the virtual IP, of which exactly one member has to be the holder"),
  queues: z.strictObject({ input: name, pull: name, dead: name }),
  pullers: z.array(name).max(256),
});

const publicServerSchema = z.strictObject({
  host: name,
  cluster: name,
  senders: z.array(senderSchema).max(64).describe("they deliver files to it"),
  notifiers: z.array(senderSchema).max(16).describe("they announce delivered files to its clients"),
  watcher: z.boolean().default(false).describe("it also announces changes in trees that nobody delivers to"),
});

/** What the map shows, from left to right. */
const mapSchema = z.strictObject({
  stack: name,
  radar: radarSchema.optional(),
  publicServers: z.array(publicServerSchema).max(16).default([]),
});
export type FlowMap = z.infer<typeof mapSchema>;

export const eventsSchema = z.strictObject({
  port: z.int().min(0).max(65_535).describe("on loopback, to which Alertmanager posts; 0 for any free port"),
  exchange: exchangeName.describe("topic exchange to publish on"),
  centre: centreId.describe("our WIS2 centre id: source and subject of each event"),
});

/** The monitor's config file: the page, what it asks, and what it shows. See `example.json` for an annotated one. */
const configObject = commonConfig.extend({
  broker: brokerConfig.optional().describe("only for `events`"),
  page: z.strictObject({
    address: z.string().min(1).default("127.0.0.1"),
    port: z.int().min(0).max(65_535).describe("0 for any free port"),
    names: z
      .array(name)
      .max(16)
      .default([])
      .describe("names under which browsers may ask for the page, besides localhost; others are refused"),
    connectionsMax: z.int().min(1).max(10_000).default(200).describe("open connections; more are closed at once"),
  }),
  prometheusUrl: url.default("http://127.0.0.1:9090"),
  alertmanagerUrl: url.optional().describe("without it the page shows no alerts"),
  auditorUrl: url.optional().describe("without it the page has no search"),
  intervalMs: z.int().min(500).max(60_000).default(5000).describe("time between two polls, for all browsers together"),
  requestTimeoutMs: z.int().min(100).max(60_000).default(4000),
  answerBytesMax: z.int().min(10_000).max(64_000_000).default(4_000_000).describe("a larger answer counts as a fault"),
  map: mapSchema,
  mqttServers: z
    .array(z.strictObject({ server: name, address: name, port: z.int().min(1).max(65_535), tls: z.boolean() }))
    .max(16)
    .default([])
    .describe("public data servers whose port for MQTT is tried at each scrape, for the metric `mqtt_served`"),
  events: eventsSchema
    .optional()
    .describe("publish alerts for outsiders as WIS2 Monitoring Events; default: publish nothing"),
});
export const configSchema = configObject.refine(({ events, broker }) => !events || broker, {
  path: ["broker"],
  error: "expected the broker on which `events` are published",
});
export type Config = z.infer<typeof configSchema>;
