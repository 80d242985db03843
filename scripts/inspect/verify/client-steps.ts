import { type Chain, roadAt, subscriberUnit } from "../snapshot/chain.ts";
import { type Evidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";
import { answersStep, clockStep, diskStep, unitStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import { isTooSlow, perSecond, waitSeconds } from "./dispatch-steps.ts";
import { ageText, broken, byHost, good, logsOf, onHost, type Step, type Verdict } from "./step.ts";
import { judgeFetch } from "./urp-steps.ts";

/** Seconds allowed from a product's delivery to its fetch. */
const lagSecondsMost = 15;

const clients = ({ publicRoads }: Chain) => publicRoads.flatMap((road) => road.clients);

/** The stack's own subscribers, which work like those outside. */
export const clientSteps: readonly Step[] = [
  answersStep("client", clients),
  clockStep("client", clients),
  diskStep("client", clients),
  keepsRunningStep("client", clients, (agent) => agent === "subscriber"),
  unitStep("subscriber-runs", "subscriber runs", "client", subscriberUnit, clients),
  {
    id: "reaches-public-server",
    name: "reaches the public data server",
    part: "client",
    hosts: clients,
    judge: byHost(({ fetches = [] }, { evidence }, name) => {
      const [fetch] = fetches;
      if (!fetch) return good("no product to fetch");
      return judgeFetch(fetch, onHost(evidence, name, `ping -c 3 ${fetch.from}`));
    }),
  },
  {
    id: "announcements-are-taken",
    name: "announcements are consumed",
    part: "client",
    hosts: clients,
    judge: ({ evidence }, host) => consumed(evidence, host),
  },
  {
    id: "products-are-fetched",
    name: "products are fetched",
    part: "client",
    hosts: clients,
    judge: byHost((host, { evidence }, name) => fetched(evidence, host, name)),
  },
];

function consumed(evidence: Evidence, host: string): Verdict {
  const road = roadAt(evidence.chain, host);
  const name = road?.queues[host] ?? "";
  const queues = evidence.publicBrokers[road?.broker ?? ""]?.queues;
  if (!queues) return { verdict: "unknown", evidence: "the broker reports no queues" };
  const journal = logsOf(evidence, host, "subscriber");
  const found = queues[name];
  if (!found) return broken(`there is no queue ${name}; the subscriber declares it when it connects`, journal);
  const holds = `${name} holds ${found.messages}, ${found.consumers} consumers ack ${perSecond(found.acknowledged)}`;
  if (found.consumers === 0) {
    return broken(
      `${holds}: the subscriber has no connection`,
      `${journal}; check the network: ${onHost(evidence, host, `ping -c 3 ${road?.server}`)}`,
    );
  }
  const isStuck = waitSeconds(found) === undefined && found.ready > 0;
  return isStuck || isTooSlow(found)
    ? broken(`${holds}: ${isStuck ? "none is consumed" : "the subscriber is too slow"}`, journal)
    : good(holds);
}

/** How far the client is behind, if it subscribes to everything that is delivered. Watched trees do not count: what was in them before the watcher's first start is not announced. */
function fetched(evidence: Evidence, { fetchedAtMs }: HostEvidence, name: string): Verdict {
  const road = roadAt(evidence.chain, name);
  const server = road && hostEvidence(evidence, road.server);
  const delivered = server?.newest?.find(({ path }) => !road?.watchedTrees.some((tree) => path.startsWith(`${tree}/`)));
  if (!road?.clientsHearAll || !server || !delivered || fetchedAtMs === undefined) {
    return good("nothing to compare");
  }
  const lagMs = delivered.modifiedMs - fetchedAtMs;
  const deliveredText = `the last product was delivered ${ageText(server.nowMs - delivered.modifiedMs)} ago`;
  // The folder's time has whole seconds only.
  const isBehind = lagMs > 1000 && server.nowMs - delivered.modifiedMs > lagSecondsMost * 1000;
  if (!isBehind) return good(`${deliveredText}, and fetched`);
  return broken(
    `${deliveredText}; the last fetch was ${ageText(lagMs)} before that`,
    `the subscriber hangs: ${onHost(evidence, name, "systemctl restart warren-subscriber.service")}; ${logsOf(evidence, name, "subscriber")}`,
  );
}
