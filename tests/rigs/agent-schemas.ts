import { configSchema as announcer } from "../../agents/announcer/config.ts";
import { configSchema as auditor } from "../../agents/auditor/config.ts";
import { configSchema as bridge } from "../../agents/bridge/config.ts";
import { configSchema as dispatcher } from "../../agents/dispatcher/config.ts";
import { configSchema as monitor } from "../../agents/monitor/config.ts";
import { configSchema as puller } from "../../agents/puller/config.ts";
import { configSchema as queueManager } from "../../agents/queue-manager/config.ts";
import { configSchema as receiver } from "../../agents/receiver/config.ts";
import { configSchema as sender } from "../../agents/sender/config.ts";
import { configSchema as watcher } from "../../agents/watcher/config.ts";

/** Schema of each agent's config file, by the agent's folder. */
export const agentSchemas = {
  announcer,
  auditor,
  bridge,
  dispatcher,
  monitor,
  puller,
  "queue-manager": queueManager,
  receiver,
  sender,
  watcher,
} as const;
