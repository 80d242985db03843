import { dataServers } from "../config/data-servers.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import type { BridgeConfig } from "../config/message-agents.ts";
import { announcedLines } from "../model/announced.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const announcedTwice: Rule = {
  name: "announced-twice",
  severity: "error",
  firesOn:
    "a bridge that reads what a public data server announces, and announces it in a format that the server has already",
  reason:
    "A public data server announces each product in all its formats, on both exchanges. Such a bridge repeats every one of them, so subscribers fetch every product twice.",
  remedy:
    "let sources post to an exchange of their own, such as `xs_sr3`, and read that; or leave the format out of the server's `formats`",
  source: "the requirement, use of AMQP on DD; Sarracenia's convention of exchanges xs_USER and xpublic",
  find: (_, config) =>
    Object.entries(config.bridges).flatMap(([name, { broker, from, to }]) => {
      const servers = dataServers(config).flatMap((server) => (server.config.broker === broker ? server.config : []));
      const lines = servers.flatMap(announcedLines);
      const reads = lines.some(
        (line) =>
          line.exchange === from.exchange &&
          line.format === from.format &&
          `${line.topicPrefix}.`.startsWith(`${from.topicPrefix}.`),
      );
      const repeated = to.filter(({ exchange, format }) =>
        format === "wis"
          ? servers.some((server) => notifies(server, exchange, from))
          : reads && lines.some((line) => line.exchange === exchange && line.format === format),
      );
      if (repeated.length === 0) return [];
      const again = repeated.map(({ format }) => format);
      const message = `it reads the server's own ${from.format} on ${from.exchange} and announces it again as ${list(again)}`;
      return [{ path: `warren:bridges.${name}.from`, message }];
    }),
};

/** Whether the server's watcher publishes notifications there of products that the bridge reads. */
function notifies(server: DatamartConfig, exchange: string, from: BridgeConfig["from"]): boolean {
  if (!server.wis || server.publicExchange !== exchange) return false;
  return announcedLines(server)
    .filter((line) => line.exchange === from.exchange && line.format === from.format)
    .flatMap(({ topicPrefix }) => server.watchedTrees.map((tree) => `${topicPrefix}.${tree.replaceAll("/", ".")}.`))
    .some((topic) => topic.startsWith(`${from.topicPrefix}.`) || `${from.topicPrefix}.`.startsWith(topic));
}
