import type { Chain } from "../runbook/chain.ts";
import { type HostEvidence, hostEvidence, type Txq, type TxqEvidence } from "../runbook/evidence.ts";
import { agentOf, agentStep, answersStep, clockStep, diskStep } from "./common-steps.ts";
import { ageText, broken, byHost, good, type Look, logsOf, onHost, type Step, type Verdict, waits } from "./step.ts";
import { isConnected } from "./urp-steps.ts";

/** A file that waits for longer than this waits in vain: a sender tries again at least twice a minute. */
const waitSecondsMost = 60;

const pxes = ({ publicRoad }: Chain) => publicRoad?.pxes ?? [];

/** The public road begins at px: files of a txq go to the public data server, and what is there is told. */
export const pxSteps: readonly Step[] = [
  answersStep("px", pxes),
  clockStep("px", pxes),
  diskStep("px", pxes),
  agentStep("px", "delivery", pxes),
  { name: "the server lets px in", part: "px", hosts: pxes, judge: byHost(judgeLogin) },
  { name: "products are delivered", part: "px", hosts: pxes, judge: byHost(judgeDelivery) },
  agentStep("px", "dd-notify", pxes),
  { name: "deliveries are announced", part: "px", hosts: pxes, judge: byHost(judgeNotify) },
  { name: "nothing is put aside", part: "px", hosts: pxes, judge: byHost(judgeAside) },
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

function judgeDelivery(host: HostEvidence, { evidence }: Look, name: string): Verdict {
  const { health } = agentOf(host, "delivery");
  if (!health) return { verdict: "unknown", evidence: "the sender says nothing" };
  const text = `${waitingText(host, "delivery")}; ${health.text}`;
  const journal = logsOf(evidence, name, "delivery");
  // A sender with nothing to send needs no connection.
  const isStuck = isLate(host, "delivery") || (!health.ok && (host.txqs?.delivery.files ?? 0) > 0);
  if (!isStuck) return good(text);
  return isConnected(health.text)
    ? broken(text, `its reason is the server's own word; ${journal}`)
    : waits(text, `look at DD first; then ${journal}`);
}

function judgeNotify(host: HostEvidence, { evidence }: Look, name: string): Verdict {
  const { health } = agentOf(host, "dd-notify");
  if (!health) return { verdict: "unknown", evidence: "the sender says nothing" };
  const text = `${waitingText(host, "notify")}; ${health.text}`;
  const journal = logsOf(evidence, name, "dd-notify");
  if (!isConnected(health.text)) {
    const server = evidence.chain.publicRoad?.server;
    return waits(text, `look at DD first; where all is well there, at the way from ${name} to ${server}; ${journal}`);
  }
  return !health.ok || isLate(host, "notify") ? broken(text, journal) : good(text);
}

/** The same for this road as dead letters for the other one. */
function judgeAside({ txqs }: HostEvidence, { evidence }: Look, name: string): Verdict {
  const { delivery, notify } = evidence.chain.publicRoad?.queueDirectories ?? { delivery: "", notify: "" };
  const count = (txqs?.delivery.aside ?? 0) + (txqs?.notify.aside ?? 0);
  if (count === 0) return good("no file that can't be sent");
  const folders = `${delivery}/.aside ${notify}/.aside`;
  return broken(
    `${count} files can't be sent`,
    `why is in the journal: ${logsOf(evidence, name, "delivery,dd-notify")}; mend them, and move them back from ${onHost(evidence, name, `ls -R ${folders}`)}`,
  );
}

const isLate = ({ txqs, nowMs }: HostEvidence, txq: Txq): boolean =>
  nowMs - (txqs?.[txq].oldestMs ?? nowMs) > waitSecondsMost * 1000;

function waitingText({ txqs, nowMs }: HostEvidence, txq: Txq): string {
  const { files, oldestMs }: Partial<TxqEvidence> = txqs?.[txq] ?? {};
  if (files === undefined) return "its txq can't be seen";
  const oldest = oldestMs === undefined ? "" : `, the oldest for ${ageText(nowMs - oldestMs)}`;
  return `${files} files wait${oldest}`;
}
