import { serveProvider } from "../lib/provider.ts";
import { binding } from "./binding.ts";
import { Connection, configShape } from "./connection.ts";
import { exchange } from "./exchange.ts";
import { permissions } from "./permissions.ts";
import { operatorPolicy, policy } from "./policy.ts";
import { queue } from "./queue.ts";
import { reportOnce, withTolerantRead } from "./tolerant-read.ts";
import { topicPermissions } from "./topic-permissions.ts";
import { user } from "./user.ts";
import { vhost } from "./vhost.ts";

const connection = new Connection();
const report = reportOnce();
const links = "it needs another broker plugin; use the official provider for it";
const getters = "use `.get(name, id)` of the resource type, which reads the same object";

serveProvider({
  name: "rabbitmq",
  version: "3.3.8",
  config: configShape,
  configure: (config) => connection.open(config),
  resources: [vhost, user, permissions, topicPermissions, policy, operatorPolicy, exchange, queue, binding].map(
    (resource) => withTolerantRead(resource(connection), report),
  ),
  readBeforeRuns: true,
  refused: {
    "rabbitmq:index/federationUpstream:FederationUpstream": links,
    "rabbitmq:index/shovel:Shovel": links,
    "rabbitmq:index/getExchange:getExchange": getters,
    "rabbitmq:index/getUser:getUser": getters,
    "rabbitmq:index/getVHost:getVHost": getters,
  },
  close: async () => connection.close(),
});
