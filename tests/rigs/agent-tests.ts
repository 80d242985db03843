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

/** What a file of tests of one agent has: a broker for all of them; a folder, processes and a connection for each. */
export class AgentTests {
  broker!: LocalBroker;
  /** Has the broker's password in it, and the agent's config and state. */
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

  /** The agent as a process of its own, killed when the test is over; not ready yet. */
  start(config: object, process: Pick<TestedAgentOptions, "before" | "fileSizeMax"> = {}): TestedAgent {
    const configFile = join(this.folder, `${this.#agent}.json`);
    writeFileSync(configFile, JSON.stringify(config));
    const stateDirectory = join(this.folder, "state");
    const agent = new TestedAgent({ agent: this.#agent, configFile, stateDirectory, ...process });
    this.#agents.push(agent);
    return agent;
  }

  /** The test's own connection, closed when the test is over and the agents are gone; resolves when it is there. */
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

/** To be called once, at the top of a file of tests, before hooks of its own. */
export function useAgentTests(agent: string): AgentTests {
  const tests = new AgentTests(agent);
  beforeAll(async () => {
    tests.broker = await sharedBroker();
  });
  beforeEach(() => tests.begin());
  afterEach(() => tests.end());
  return tests;
}
