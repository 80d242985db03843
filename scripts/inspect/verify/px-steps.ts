import { type Chain, notifyAgent } from "../snapshot/chain.ts";
import { canSend, type HostEvidence, hostEvidence, type TxqEvidence } from "../snapshot/evidence.ts";
import { agentOf, agentStep, answersStep, clockStep, diskStep, eachAgent, judgeAgent } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import { ageText, broken, byHost, good, type Look, logsOf, onHost, type Step, type Verdict, waits } from "./step.ts";

/** A file that waits for longer than this waits in vain: a sender tries again at least twice a minute. */
const waitSecondsMost = 60;

const pxes = ({ publicRoad }: Chain) => publicRoad?.pxes ?? [];
const deliveries = ({ publicRoad }: Chain) => publicRoad?.deliveries ?? [];

/** The public road begins at px: files of a txq go to the public data server, and what is there is told. */
export const pxSteps: readonly Step[] = [
  answersStep("px", pxes),
  clockStep("px", pxes),
  diskStep("px", pxes),
  keepsRunningStep("px", pxes, (agent) => agent === notifyAgent || agent.startsWith("delivery-")),
  { id: "delivery-runs", name: "delivery runs", part: "px", hosts: pxes, judge: eachAgent(deliveries, judgeAgent) },
  { id: "server-lets-px-in", name: "the server lets px in", part: "px", hosts: pxes, judge: byHost(judgeLogin) },
  {
    id: "products-are-delivered",
    name: "products are delivered",
    part: "px",
    hosts: pxes,
    judge: eachAgent(deliveries, judgeDelivery),
  },
  agentStep("px", notifyAgent, pxes),
  {
    id: "deliveries-are-announced",
    name: "deliveries are announced",
    part: "px",
    hosts: pxes,
    judge: byHost(judgeNotify),
  },
  { id: "nothing-is-put-aside", name: "nothing is put aside", part: "px", hosts: pxes, judge: byHost(judgeAside) },
];

function judgeLogin({ login }: HostEvidence, { evidence }: Look, name: string): Verdict {
  const { publicRoad } = evidence.chain;
  const server = publicRoad?.server ?? "";
  const account = `${publicRoad?.login?.user}@${server}`;
  if (!login) return { verdict: "unknown", evidence: "nobody has tried" };
  if ("ok" in login) return good(`${account} lets its key in, for SFTP`);
  const text = `no SFTP as ${account}: ${login.silent}`;
  const isThere = hostEvidence(evidence, server) !== undefined;
  if (!isThere) return waits(text, `look at ${server} first`);
  return broken(
    text,
    `where the key is refused, ./warren up -s ${evidence.chain.stack} puts it back; else the way: ${onHost(evidence, name, `ssh-keyscan ${server}`)}, and ${onHost(evidence, server, "journalctl -u ssh -n 20")}`,
  );
}

function judgeDelivery(host: HostEvidence, { evidence }: Look, name: string, agent: string): Verdict {
  const { health } = agentOf(host, agent);
  if (!health) return { verdict: "unknown", evidence: `${agent} says nothing` };
  const text = `${agent}: ${waitingText(host, agent)}; ${health.text}`;
  const journal = logsOf(evidence, name, agent);
  // A sender with nothing to send needs no connection.
  const isStuck = isLate(host, agent) || (!health.ok && (host.txqs?.[agent]?.files ?? 0) > 0);
  if (!isStuck) return good(text);
  if (health.fault !== undefined) return broken(text, journal);
  return health.connected
    ? broken(text, `its reason is the server's own word; ${journal}`)
    : waits(text, `look at DD first; then ${journal}`);
}

function judgeNotify(host: HostEvidence, { evidence }: Look, name: string): Verdict {
  const { health } = agentOf(host, notifyAgent);
  if (!health) return { verdict: "unknown", evidence: "the sender says nothing" };
  const text = `${waitingText(host, notifyAgent)}; ${health.text}`;
  const journal = logsOf(evidence, name, notifyAgent);
  if (!canSend(health)) {
    const server = evidence.chain.publicRoad?.server;
    return waits(text, `look at DD first; where all is well there, at the way from ${name} to ${server}; ${journal}`);
  }
  return !health.ok || isLate(host, notifyAgent) ? broken(text, journal) : good(text);
}

/** The same for this road as dead letters for the other one. */
function judgeAside({ txqs }: HostEvidence, { evidence }: Look, name: string): Verdict {
  const directories = evidence.chain.publicRoad?.queueDirectories ?? {};
  const agents = Object.keys(directories).filter((agent) => (txqs?.[agent]?.aside ?? 0) > 0);
  if (agents.length === 0) return good("no file that can't be sent");
  const count = agents.reduce((sum, agent) => sum + (txqs?.[agent]?.aside ?? 0), 0);
  const folders = agents.map((agent) => `${directories[agent]}/.aside`).join(" ");
  return broken(
    `${count} files can't be sent`,
    `why is in the journal: ${logsOf(evidence, name, agents.join(","))}; mend them, and move them back from ${onHost(evidence, name, `ls -R ${folders}`)}`,
  );
}

const isLate = ({ txqs, nowMs }: HostEvidence, agent: string): boolean =>
  nowMs - (txqs?.[agent]?.oldestMs ?? nowMs) > waitSecondsMost * 1000;

function waitingText({ txqs, nowMs }: HostEvidence, agent: string): string {
  const { files, oldestMs }: Partial<TxqEvidence> = txqs?.[agent] ?? {};
  if (files === undefined) return "its txq can't be seen";
  const oldest = oldestMs === undefined ? "" : `, the oldest for ${ageText(nowMs - oldestMs)}`;
  return `${files} files wait${oldest}`;
}
