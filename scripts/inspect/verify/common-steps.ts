import { type AgentPlace, type Chain, chainHostOf } from "../snapshot/chain.ts";
import { type AgentEvidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";
import {
  ageText,
  broken,
  byHost,
  good,
  type JudgeInput,
  logsOf,
  onHost,
  type Part,
  type Step,
  type StepId,
  type Verdict,
} from "./step.ts";

/**
 * A disk with fewer free bytes counts as full: RabbitMQ stops accepting messages below 50 MB (the default of `disk_free_limit`), and the agents' journals
 * grow meanwhile.
 */
const freeBytesLeast = 64 << 20;

/** Steps that are the same in each part of the chain: the host, its disk, a unit. */
export const answersStep = (part: Part, hosts: Step["hosts"]): Step => ({
  id: "host-answers",
  name: "host answers",
  part,
  hosts,
  judge: ({ evidence }, host) => {
    const found = evidence.hosts[host];
    if (found && !("unreachable" in found)) return good("answers by ssh");
    const why = found && "unreachable" in found ? found.unreachable : "not asked";
    return broken(
      `no answer by ssh: ${why}`,
      `check its power, link and console; then ${onHost(evidence, host, "uptime")}`,
    );
  },
});

/**
 * Hosts' clocks may differ by this much, including the time that hosts take to answer. Clocks matter because dispatchers send a product again after the
 * deduplication window, and compute its age from the radar servers' times.
 */
const clockMsMost = 10_000;

/** The host's clock agrees with most hosts. */
export const clockStep = (part: Part, hosts: Step["hosts"]): Step => ({
  id: "clock-is-right",
  name: "clock is right",
  part,
  hosts,
  judge: byHost(({ nowMs }, { evidence }, host) => {
    const all = Object.keys(evidence.hosts).flatMap((name) => hostEvidence(evidence, name)?.nowMs ?? []);
    const middleMs = all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? nowMs;
    const offMs = nowMs - middleMs;
    if (Math.abs(offMs) <= clockMsMost) return good(`within ${clockMsMost / 1000} s of the other hosts`);
    return broken(
      `${ageText(Math.abs(offMs))} ${offMs > 0 ? "ahead of" : "behind"} most hosts`,
      `${onHost(evidence, host, "timedatectl")}; ${onHost(evidence, host, "systemctl status systemd-timesyncd chrony")}`,
    );
  }),
});

export const diskStep = (part: Part, hosts: Step["hosts"]): Step => ({
  id: "disks-have-room",
  name: "disks have room",
  part,
  hosts,
  judge: byHost(({ disks }, { evidence }, host) => {
    const full = disks.find(({ freeBytes }) => freeBytes < freeBytesLeast);
    if (full) {
      return broken(
        `${full.mount} has ${megabytes(full.freeBytes)} left, ${full.usedPercent} % used`,
        `make room: ${onHost(evidence, host, `du -xhd2 ${full.mount} | sort -h | tail`)}`,
      );
    }
    const fullest = disks.toSorted((a, b) => b.usedPercent - a.usedPercent)[0];
    return good(fullest ? `${fullest.mount}: ${fullest.usedPercent} % used` : "no file system checked");
  }),
});

const megabytes = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MB`;

/** A unit from a package. */
export const unitStep = (id: StepId, name: string, part: Part, unit: string, hosts: Step["hosts"]): Step => ({
  id,
  name,
  part,
  hosts,
  judge: byHost((host, input, hostName) => judgeUnit(host, input, hostName, unit)),
});

function judgeUnit(host: HostEvidence, { evidence }: JudgeInput, name: string, unit: string): Verdict {
  const state = host.units[unit];
  if (state?.active === "active") return good(`${unit} is ${state.sub}`);
  return broken(
    `${unit} is ${state ? `${state.active} (${state.sub})` : "missing"}`,
    `${onHost(evidence, name, `journalctl -u ${unit} -n 30`)}; then ${onHost(evidence, name, `systemctl start ${unit}`)}`,
  );
}

/** Finds the member that hangs: a management API asks all members, so it hangs with any of them. */
export const amqpStep = (part: Part, hosts: Step["hosts"]): Step => ({
  id: "broker-answers",
  name: "broker answers",
  part,
  hosts,
  judge: byHost(({ amqp }, { evidence }, host) => {
    if (!amqp) return good("not asked");
    if ("ok" in amqp) return good("answers AMQP on loopback");
    return broken(
      `no answer to AMQP on loopback: ${amqp.silent}`,
      `${onHost(evidence, host, "tail -n 50 /var/log/rabbitmq/rabbit@*.log")}; an isolated node pauses, and continues when it sees the others; restart a node that hangs: ${onHost(evidence, host, "systemctl restart rabbitmq-server")}`,
    );
  }),
});

/** An agent runs and answers; another step judges its health. */
export const agentStep = (part: Part, agent: AgentPlace["name"], hosts: Step["hosts"]): Step => ({
  id: `${agent}-runs`,
  name: `${agent} runs`,
  part,
  hosts,
  judge: byHost((host, input, name) => judgeAgent(host, input, name, agent)),
});

/** Whether an agent runs and answers. */
export function judgeAgent(host: HostEvidence, { evidence }: JudgeInput, name: string, agent: string): Verdict {
  const place = chainHostOf(evidence.chain, name).agents.find((one) => one.name === agent);
  if (!place) return good("not deployed here");
  const unit = host.units[place.unit];
  // Agents that wait for their broker are in `activating`, and answer.
  const isUp = unit?.active === "active" || (unit?.active === "activating" && unit.sub === "start");
  const { health, silent } = agentOf(host, agent);
  if (isUp && health) return good(`${place.unit} is ${unit?.sub}`);
  const restart = onHost(evidence, name, `systemctl restart ${place.unit}`);
  if (!isUp) {
    const state = unit ? `${unit.active} (${unit.sub})` : "missing";
    return broken(`${place.unit} is ${state}`, `${logsOf(evidence, name, agent)}; then ${restart}`);
  }
  return broken(
    `${place.unit} runs but doesn't answer on port ${place.port}: ${silent}`,
    `it hangs; its systemd watchdog will kill it, or restart it: ${restart}`,
  );
}

/** An agent's own health, where no other step covers it. */
export const agentIsHealthy = (part: Part, agent: AgentPlace["name"], hosts: Step["hosts"]): Step => ({
  id: `${agent}-is-well`,
  name: `${agent} is healthy`,
  part,
  hosts,
  judge: byHost((host, input, name) => judgeHealth(host, input, name, agent)),
});

export function judgeHealth(host: HostEvidence, { evidence }: JudgeInput, name: string, agent: string): Verdict {
  const { health } = agentOf(host, agent);
  if (!chainHostOf(evidence.chain, name).agents.some((one) => one.name === agent)) return good("not deployed here");
  if (!health) return { verdict: "unknown", evidence: `the ${agent} does not answer` };
  return health.ok ? good(health.text) : broken(health.text, logsOf(evidence, name, agent));
}

type JudgeAgent = (host: HostEvidence, input: JudgeInput, name: string, agent: string) => Verdict;

/** The verdict on several agents of a host: the first that is not good, or all of their evidence. */
export const eachAgent = (
  agents: (chain: Chain, host: string) => readonly string[],
  judge: JudgeAgent,
): Step["judge"] =>
  byHost((host, input, name) => {
    const verdicts = agents(input.evidence.chain, name).map((agent) => judge(host, input, name, agent));
    const bad = verdicts.find(({ verdict }) => verdict !== "good");
    return bad ?? good(verdicts.map(({ evidence }) => evidence).join(" · "));
  });

export const agentOf = (host: HostEvidence, agent: string): AgentEvidence =>
  host.agents[agent] ?? { silent: "not asked" };
