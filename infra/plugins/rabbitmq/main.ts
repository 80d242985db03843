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

const connection = new Connection();
const report = reportOnce();

serveProvider({
  name: "rabbitmq",
  version: "3.3.8",
  config: configShape,
  configure: (config) => connection.open(config),
  resources: [user, permissions, topicPermissions, policy, operatorPolicy, exchange, queue, binding].map((resource) =>
    withTolerantRead(resource(connection), report),
  ),
  readBeforeRuns: true,
  close: async () => connection.close(),
});
