import { readFileSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import { configSchema as announcer } from "../../../agents/announcer/config.ts";
import { configSchema as bridge } from "../../../agents/bridge/config.ts";
import { configSchema as dispatcher } from "../../../agents/dispatcher/config.ts";
import { parseConfig } from "../../../agents/lib/config.ts";
import { ConfigError } from "../../../agents/lib/errors.ts";
import { configSchema as puller } from "../../../agents/puller/config.ts";
import { configSchema as queueManager } from "../../../agents/queue-manager/config.ts";
import { configSchema as receiver } from "../../../agents/receiver/config.ts";
import { configSchema as sender } from "../../../agents/sender/config.ts";
import { configSchema as watcher } from "../../../agents/watcher/config.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { refusalOf, type TextReader } from "./text-subject.ts";

const examples: readonly (readonly [string, z.ZodType])[] = [
  ["announcer/example.json", announcer],
  ["bridge/example.json", bridge],
  ["dispatcher/example.json", dispatcher],
  ["puller/example.json", puller],
  ["queue-manager/example.json", queueManager],
  ["receiver/example.json", receiver],
  ["sender/example.json", sender],
  ["sender/example-sftp.json", sender],
  ["watcher/example.json", watcher],
];

/** The config file of each agent, as `--check-config` reads it. */
export const agentConfigReader: TextReader = {
  name: "agent-config",
  summary: "config files of all agents, as --check-config reads them",
  samples: examples.map(([file]) => readFileSync(path.join(checkout, "agents", file))),
  read: (bytes, sample) =>
    refusalOf(
      () => {
        const schema = examples[sample]?.[1];
        if (schema) parseConfig(schema, bytes, "config.json", { CREDENTIALS_DIRECTORY: "/run/credentials" });
      },
      (error) => error instanceof ConfigError,
    ),
};
