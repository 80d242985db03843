import { type Config as AuditorConfig, configSchema } from "../../agents/auditor/config.ts";
import { announcedHosts } from "../config/full-names.ts";
import { hostsWith } from "../config/hosts.ts";
import { agentPart, inOrderOf, type Own, serviceAccount } from "./agent-part.ts";
import { auditorHosts, auditTopics, mayDiscard } from "./agent-queues.ts";
import { atAnnouncements } from "./agents.ts";
import { prometheusPort } from "./monitored.ts";
import type { HostPart, PartContext } from "./part.ts";

/** A monitor: says of each announced product whether it was placed, and placed once. */
export function auditorPart(context: PartContext): HostPart {
  const { config, host } = context;
  if (!auditorHosts(config).includes(host)) return {};
  const { exchange, notifyTopic, dedupWindowSeconds } = config.announcements;
  const own: Own<AuditorConfig> = {
    ...{ exchange, notifyTopic, dedupWindowSeconds },
    ...auditTopics,
    hostName: host,
    ...(mayDiscard(config) ? { brokerMayDiscard: true } : {}),
    radarServers: Object.fromEntries(hostsWith(config, "urp").map((name) => [name, announcedHosts(config, name)])),
    prometheusUrl: `http://127.0.0.1:${prometheusPort}`,
  };
  return agentPart(context, {
    name: "auditor",
    summary: "says of each announced product whether it was placed once",
    account: serviceAccount,
    ...atAnnouncements(context, "auditor"),
    own: inOrderOf(configSchema, own),
  });
}
