import { readFileSync } from "node:fs";
import path from "node:path";
import { parseConfig } from "../../../agents/lib/config.ts";
import { ConfigError } from "../../../agents/lib/errors.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { agentSchemas } from "../../rigs/agent-schemas.ts";
import { refusalOf, type TextReader } from "./text-subject.ts";

/** Sample configs, by the agent's folder. */
const examples = [
  ["announcer", "example.json"],
  ["bridge", "example.json"],
  ["dispatcher", "example.json"],
  ["puller", "example.json"],
  ["queue-manager", "example.json"],
  ["receiver", "example.json"],
  ["sender", "example.json"],
  ["sender", "example-sftp.json"],
  ["watcher", "example.json"],
] as const;

/** The config file of each agent, as `--check-config` reads it. */
export const agentConfigReader: TextReader = {
  name: "agent-config",
  summary: "config files of all agents, as --check-config reads them",
  samples: examples.map((example) => readFileSync(path.join(checkout, "agents", ...example))),
  read: (bytes, sample) =>
    refusalOf(
      () => {
        const [agent] = examples[sample] ?? [];
        if (agent)
          parseConfig(agentSchemas[agent], bytes, "config.json", { CREDENTIALS_DIRECTORY: "/run/credentials" });
      },
      (error) => error instanceof ConfigError,
    ),
};
