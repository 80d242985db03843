import { deadLetterQueue } from "../../agents/lib/topology.ts";
import type { Config as MonitorPageConfig } from "../../agents/monitor/config.ts";
import { mqttPortOf } from "../config/brokers.ts";
import { announcedHosts } from "../config/full-names.ts";
import { hostsWith } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";
import { agentPart, agentPasswordAt, brokerHosts, metricsPorts, serviceAccount } from "./agent-part.ts";
import { auditorHosts } from "./agent-queues.ts";
import { deliveryPlaces } from "./delivery.ts";
import { alertmanagerPort, prometheusPort } from "./monitored.ts";
import type { HostPart, PartContext } from "./part.ts";
import { type PublicServer, publicServers } from "./public-servers.ts";

/** Loopback port of the live page on a monitor. */
export const pagePort = 9180;

/** Loopback port to which Alertmanager posts alerts for outsiders. */
export const eventsPort = 9181;

/** A monitor: the live page, from what Prometheus, Alertmanager and the auditor beside it know. */
export function monitorPagePart(context: PartContext): HostPart {
  const loopback = (port: number): string => `http://127.0.0.1:${port}`;
  const { events } = context.config.monitor;
  const mqtt = mqttServers(context.config);
  const own = {
    page: { port: pagePort },
    prometheusUrl: loopback(prometheusPort),
    alertmanagerUrl: loopback(alertmanagerPort),
    ...(auditorHosts(context.config).includes(context.host) ? { auditorUrl: loopback(metricsPorts.auditor) } : {}),
    map: flowMap(context.stack, context.config),
    ...(mqtt.length > 0 ? { mqttServers: mqtt } : {}),
    ...(events ? { events: { port: eventsPort, exchange: events.exchange, centre: events.centre } } : {}),
  };
  return agentPart(context, {
    name: "monitor",
    summary: "serves the live page of the flow",
    account: serviceAccount,
    ...(events ? { broker: { cluster: events.broker, hosts: brokerHosts(context, events.broker) } } : {}),
    credentials: events ? [agentPasswordAt(context.config, "monitor", events.broker)] : [],
    logLevel: context.config.announcements.logLevel,
    own,
  });
}

/** Public data servers that subscribers can connect to over MQTT. */
function mqttServers({ hosts, ...config }: StackConfig): MonitorPageConfig["mqttServers"] {
  return publicServers({ hosts, ...config }).flatMap(({ host, config: { broker: name } }) => {
    const broker = config.brokers[name];
    if (!broker?.mqtt) return [];
    const port = mqttPortOf(broker, broker.mqtt);
    return [{ server: host, address: hosts[host]?.address ?? host, port, tls: broker.tls }];
  });
}

/** What the page's map shows of a stack. */
function flowMap(stack: string, config: StackConfig): MonitorPageConfig["map"] {
  const radar = radarMap(config);
  return {
    stack,
    ...(radar ? { radar } : {}),
    publicServers: publicServers(config).map((server) => publicMap(config, server)),
  };
}

function radarMap(config: StackConfig): MonitorPageConfig["map"]["radar"] {
  const { announcements, brokers, virtualIps } = config;
  const broker = brokers[announcements.broker];
  const servers = hostsWith(config, "urp");
  if (!broker || servers.length === 0) return undefined;
  const address = broker.virtualIp === undefined ? undefined : virtualIps[broker.virtualIp]?.address;
  return {
    servers: servers.map((host) => ({ host, sources: announcedHosts(config, host) })),
    cluster: announcements.broker,
    members: broker.members,
    ...(address === undefined ? {} : { address }),
    queues: { input: announcements.inputQueue, pull: announcements.pullQueue, dead: deadLetterQueue },
    pullers: hostsWith(config, "pds"),
  };
}

/** Every host with the role px has all senders. */
function publicMap(config: StackConfig, server: PublicServer): MonitorPageConfig["map"]["publicServers"][number] {
  const places = deliveryPlaces(config).filter((place) => place.server.host === server.host);
  const onPx = (agent: string) => hostsWith(config, "px").map((host) => ({ host, agent }));
  return {
    host: server.host,
    cluster: server.config.broker,
    senders: places.flatMap(({ name }) => onPx(name)),
    notifiers: places.length === 0 ? [] : onPx(server.notifier),
    watcher: server.config.watchedTrees.length > 0,
  };
}
