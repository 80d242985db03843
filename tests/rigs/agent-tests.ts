import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeAll, beforeEach } from "vitest";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { brokerConfig } from "../../agents/lib/config.ts";
import type { Topology } from "../../agents/lib/topology.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "./shared-broker.ts";
import { TestedAgent, type TestedAgentOptions } from "./tested-agent.ts";

/** For a file of tests of one agent: a broker for all tests, and a folder, processes and a connection for each. */
export class AgentTests {
  broker!: LocalBroker;
  /** Folder with the broker's password and the agent's config and state. */
  folder = "";
  readonly #agent: string;
  #agents: TestedAgent[] = [];
  #session: BrokerSession | undefined;

  constructor(agent: string) {
    this.#agent = agent;
  }

  /** An agent's `broker`. */
  get brokerSettings() {
    const hosts = [`127.0.0.1:${this.broker.amqpPort}`];
    const passwordFile = join(this.folder, "password");
    return { hosts, user: this.broker.adminUser, passwordFile, reconnectDelayMaxMs: 300 };
  }

  /** Starts the agent as a process, which is killed after the test; not ready yet. */
  start(config: object, process: Pick<TestedAgentOptions, "before" | "fileSizeMax"> = {}): TestedAgent {
    const configFile = join(this.folder, `${this.#agent}.json`);
    writeFileSync(configFile, JSON.stringify(config));
    const stateDirectory = join(this.folder, "state");
    const agent = new TestedAgent({ agent: this.#agent, configFile, stateDirectory, ...process });
    this.#agents.push(agent);
    return agent;
  }

  /** Opens the test's connection, which is closed after the test, when the agents are dead. */
  async connect(topology: Topology): Promise<BrokerSession> {
    const config = brokerConfig.parse(this.brokerSettings);
    this.#session = openBrokerSession({ config, log: pino({ level: "silent" }), name: "test", topology });
    await this.#session.ready();
    return this.#session;
  }

  async killAgents(): Promise<void> {
    for (const agent of this.#agents) await agent.kill();
    this.#agents = [];
  }

  /** For the hooks. */
  begin(): void {
    this.folder = mkdtempSync(join(tmpdir(), `warren-${this.#agent}-`));
    writeFileSync(join(this.folder, "password"), this.broker.adminPassword);
  }

  async end(): Promise<void> {
    await this.killAgents();
    await this.#session?.close();
    this.#session = undefined;
    rmSync(this.folder, { recursive: true });
  }
}

/** Call it once at the top of a test file, before the file's own hooks. */
export function useAgentTests(agent: string): AgentTests {
  const tests = new AgentTests(agent);
  beforeAll(async () => {
    tests.broker = await sharedBroker();
  });
  beforeEach(() => tests.begin());
  afterEach(() => tests.end());
  return tests;
}
