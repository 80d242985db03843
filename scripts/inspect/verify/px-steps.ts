import { type Chain, isNotifier, queueDirectoriesOf, roadsFrom } from "../snapshot/chain.ts";
import { canSend, type HostEvidence, hostEvidence, type TxqEvidence } from "../snapshot/evidence.ts";
import { agentOf, answersStep, clockStep, diskStep, eachAgent, judgeAgent } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
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

/** A file that waits longer is stuck: a sender retries at least twice a minute. */
const waitSecondsMost = 60;

const pxes = ({ publicRoads }: Chain) => [...new Set(publicRoads.flatMap((road) => road.pxes))];
const deliveries = (chain: Chain, px: string) => roadsFrom(chain, px).flatMap((road) => road.deliveries);
const notifiers = (chain: Chain, px: string) => roadsFrom(chain, px).map(({ notifier }) => notifier);
/** Those that it delivers to by SFTP. */
const logins = (chain: Chain, px: string) => roadsFrom(chain, px).flatMap(({ login, server }) => (login ? server : []));

/** The public data server path begins at px: files of a txq are delivered to the public data server and announced there. */
export const pxSteps: readonly Step[] = [
  answersStep("px", pxes),
  clockStep("px", pxes),
  diskStep("px", pxes),
  keepsRunningStep("px", pxes, (agent) => isNotifier(agent) || agent.startsWith("delivery-")),
  { id: "delivery-runs", name: "delivery runs", part: "px", hosts: pxes, judge: eachAgent(deliveries, judgeAgent) },
  {
    id: "server-lets-px-in",
    name: "server accepts px's login",
    part: "px",
    hosts: pxes,
    judge: eachAgent(logins, judgeLogin),
  },
  {
    id: "products-are-delivered",
    name: "products are delivered",
    part: "px",
    hosts: pxes,
    judge: eachAgent(deliveries, judgeDelivery),
  },
  { id: "dd-notify-runs", name: "dd-notify runs", part: "px", hosts: pxes, judge: eachAgent(notifiers, judgeAgent) },
  {
    id: "deliveries-are-announced",
    name: "deliveries are announced",
    part: "px",
    hosts: pxes,
    judge: eachAgent(notifiers, judgeNotify),
  },
  { id: "nothing-is-put-aside", name: "no files set aside", part: "px", hosts: pxes, judge: byHost(judgeAside) },
];

function judgeLogin(host: HostEvidence, { evidence }: JudgeInput, name: string, server: string): Verdict {
  const login = host.logins?.[server];
  const road = roadsFrom(evidence.chain, name).find((one) => one.server === server);
  const account = `${road?.login?.user}@${server}`;
  if (!login) return { verdict: "unknown", evidence: "not tried" };
  if ("ok" in login) return good(`${account} accepts px's key for SFTP`);
  const text = `SFTP login as ${account} failed: ${login.silent}`;
  const isThere = hostEvidence(evidence, server) !== undefined;
  if (!isThere) return waits(text, `check ${server} first`);
  return broken(
    text,
    `if the key is refused, restore it with ./warren up -s ${evidence.chain.stack}; otherwise check the network: ${onHost(evidence, name, `ssh-keyscan ${server}`)}, and ${onHost(evidence, server, "journalctl -u ssh -n 20")}`,
  );
}

function judgeDelivery(host: HostEvidence, { evidence }: JudgeInput, name: string, agent: string): Verdict {
  const { health } = agentOf(host, agent);
  if (!health) return { verdict: "unknown", evidence: `${agent} does not answer` };
  const text = `${agent}: ${waitingText(host, agent)}; ${health.text}`;
  const journal = logsOf(evidence, name, agent);
  // A sender with nothing to send needs no connection.
  const isStuck = isLate(host, agent) || (!health.ok && (host.txqs?.[agent]?.files ?? 0) > 0);
  if (!isStuck) return good(text);
  if (health.fault !== undefined) return broken(text, journal);
  return health.connected
    ? broken(text, `the reason given is the server's own message; ${journal}`)
    : waits(text, `check part 5, DD, first; then ${journal}`);
}

function judgeNotify(host: HostEvidence, { evidence }: JudgeInput, name: string, agent: string): Verdict {
  const { health } = agentOf(host, agent);
  if (!health) return { verdict: "unknown", evidence: "the sender does not answer" };
  const text = `${waitingText(host, agent)}; ${health.text}`;
  const journal = logsOf(evidence, name, agent);
  if (!canSend(health)) {
    const server = roadsFrom(evidence.chain, name).find(({ notifier }) => notifier === agent)?.server;
    return waits(text, `check part 5, DD, first; if it is healthy, the network from ${name} to ${server}; ${journal}`);
  }
  return !health.ok || isLate(host, agent) ? broken(text, journal) : good(text);
}

/** For this path, what dead letters are for the radar path. */
function judgeAside({ txqs }: HostEvidence, { evidence }: JudgeInput, name: string): Verdict {
  const directories = queueDirectoriesOf(evidence.chain, name);
  const agents = Object.keys(directories).filter((agent) => (txqs?.[agent]?.aside ?? 0) > 0);
  if (agents.length === 0) return good("no file that can't be sent");
  const count = agents.reduce((sum, agent) => sum + (txqs?.[agent]?.aside ?? 0), 0);
  const folders = agents.map((agent) => `${directories[agent]}/.aside`).join(" ");
  return broken(
    `${count} files can't be sent`,
    `find the reasons with ${logsOf(evidence, name, agents.join(","))}; fix the files and move them back from ${onHost(evidence, name, `ls -R ${folders}`)}`,
  );
}

const isLate = ({ txqs, nowMs }: HostEvidence, agent: string): boolean =>
  nowMs - (txqs?.[agent]?.oldestMs ?? nowMs) > waitSecondsMost * 1000;

function waitingText({ txqs, nowMs }: HostEvidence, agent: string): string {
  const { files, oldestMs }: Partial<TxqEvidence> = txqs?.[agent] ?? {};
  if (files === undefined) return "its txq can't be read";
  const oldest = oldestMs === undefined ? "" : `, the oldest for ${ageText(nowMs - oldestMs)}`;
  return `${files} files waiting${oldest}`;
}
