import type { Chain } from "../snapshot/chain.ts";
import { canSend, type FetchEvidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";
import { agentOf, agentStep, answersStep, clockStep, diskStep, unitStep } from "./common-steps.ts";
import { isCrashLooping, keepsRunningStep } from "./crash-steps.ts";
import {
  ageText,
  broken,
  byHost,
  good,
  type JudgeInput,
  logsOf,
  onHost,
  type Step,
  type Verdict,
  waits,
} from "./step.ts";

/** An announcement is in the spool within a second of its product; this allows for a busy host. */
const announcedWithinMs = 15_000;

const urps = ({ urps: hosts }: Chain) => hosts;

/** "1. On urp-1/2": are products made, announced, served? */
export const urpSteps: readonly Step[] = [
  answersStep("URP", urps),
  clockStep("URP", urps),
  diskStep("URP", urps),
  keepsRunningStep("URP", urps, (agent) => agent === "announcer"),
  {
    id: "products-are-made",
    name: "products are made",
    part: "URP",
    hosts: urps,
    judge: byHost(({ newest = [], nowMs }, { evidence, productAgeSeconds }, host) => {
      const [first] = newest;
      const root = evidence.chain.productRoot;
      const remedy = `check the radar software; ${onHost(evidence, host, `find ${root} -type f -mmin -60`)}`;
      if (!first) return broken(`there is no product below ${root}`, remedy);
      const ageMs = nowMs - first.modifiedMs;
      const text = `the newest is ${ageText(ageMs)} old: ${first.path}`;
      return ageMs > productAgeSeconds * 1000 ? broken(text, remedy) : good(text);
    }),
  },
  agentStep("URP", "announcer", urps),
  {
    id: "products-are-announced",
    name: "products are announced",
    part: "URP",
    hosts: urps,
    judge: byHost(judgeAnnounced),
  },
  unitStep("apache-runs", "apache runs", "URP", "apache2.service", urps),
  {
    id: "products-are-served",
    name: "products are served",
    part: "URP",
    hosts: urps,
    judge: byHost(({ fetches = [] }, { evidence }, host) => {
      const own = fetches.find(({ from }) => from === host);
      if (!own) return good("no product to fetch");
      return judgeFetch(own, `${onHost(evidence, host, "tail /var/log/apache2/error.log")}`);
    }),
  },
];

function judgeAnnounced(host: HostEvidence, input: JudgeInput, name: string): Verdict {
  const { health } = agentOf(host, "announcer");
  if (!health) return { verdict: "unknown", evidence: "the announcer does not answer" };
  const { evidence } = input;
  const journal = logsOf(evidence, name, "announcer");
  if (!canSend(health)) {
    const others = connectedAgents(input, name);
    const text = `it has no connection to the broker: ${health.text}`;
    // Announcements are kept on disk meanwhile. During an alarm the broker still delivers messages, so pullers are not affected. Each time a dispatcher
    // stops, the virtual IP may move, and clients that were connected through it reconnect one after the other.
    const moves = evidence.chain.dispatchers.some((host) => isCrashLooping(evidence, host, "dispatcher"));
    if (others.length === 0 || health.blocked || moves)
      return waits(text, `check part 2, bunny, first; then ${journal}`);
    return broken(
      `${text}; ${others.join(", ")} are connected`,
      `check the network from ${name} to the broker; then ${journal}`,
    );
  }
  const lateMs = unannouncedMs(host);
  if (lateMs !== undefined) {
    const [first] = host.newest ?? [];
    return broken(
      `${first?.path} is ${ageText(lateMs)} old and not announced: ${health.text}`,
      `${journal}; then ${onHost(evidence, name, "systemctl restart warren-announcer.service")}`,
    );
  }
  if (!health.ok) return broken(health.text, journal);
  const last = host.announcedAtMs === undefined ? "nothing yet" : `${ageText(host.nowMs - host.announcedAtMs)} ago`;
  return good(`last announced ${last}; ${health.text}`);
}

/** The age of the newest product if it was not announced in time; otherwise undefined. */
function unannouncedMs({ newest = [], nowMs, announcedAtMs = 0 }: HostEvidence): number | undefined {
  const [first] = newest;
  if (!first) return undefined;
  const ageMs = nowMs - first.modifiedMs;
  return ageMs > announcedWithinMs && announcedAtMs < first.modifiedMs ? ageMs : undefined;
}

/** Other hosts whose agents are connected to the broker. */
function connectedAgents({ evidence }: JudgeInput, except: string): string[] {
  const { urps: announcers, pdses } = evidence.chain;
  return [...announcers, ...pdses].filter((host) => {
    const agents = Object.values(hostEvidence(evidence, host)?.agents ?? {});
    return host !== except && agents.some(({ health }) => health !== undefined && canSend(health));
  });
}

/** Checks the status, and the size against the file's. */
export function judgeFetch({ from, product, answer }: FetchEvidence, remedy: string): Verdict {
  if ("silent" in answer) return broken(`${from} does not answer over HTTP: ${answer.silent}`, remedy);
  if (answer.status !== 200) return broken(`${from} answers ${answer.status} for ${product.path}`, remedy);
  if (answer.bytes !== product.bytes) {
    return broken(`${from} sent ${answer.bytes} of ${product.bytes} bytes of ${product.path}`, remedy);
  }
  return good(`${product.path} fetched completely, ${product.bytes} bytes`);
}
