import type { Chain } from "../snapshot/chain.ts";
import { hostEvidence } from "../snapshot/evidence.ts";
import { agentOf, agentStep, answersStep, clockStep, diskStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import { isTooSlow, noQueue, perSecond, waitSeconds, waitSecondsMost } from "./dispatch-steps.ts";
import { ageText, broken, byHost, good, logsOf, onHost, type Step } from "./step.ts";
import { judgeFetch } from "./urp-steps.ts";

const pdses = ({ pdses: hosts }: Chain) => hosts;
const first = ({ members, pdses: hosts }: Chain) => (hosts.length > 0 ? members.slice(0, 1) : []);

/** "3. On pds-op: check the pull_urp". */
export const pdsSteps: readonly Step[] = [
  answersStep("PDS", pdses),
  clockStep("PDS", pdses),
  diskStep("PDS", pdses),
  keepsRunningStep("PDS", pdses, (agent) => agent === "puller"),
  agentStep("PDS", "puller", pdses),
  {
    id: "puller-is-well",
    name: "puller is healthy",
    part: "PDS",
    hosts: pdses,
    judge: byHost((host, { evidence }, name) => {
      const { health } = agentOf(host, "puller");
      if (!health) return { verdict: "unknown", evidence: "the puller does not answer" };
      if (health.ok) return good(health.text);
      const { receiverDirectory } = evidence.chain;
      return broken(
        health.text,
        `${logsOf(evidence, name, "puller")}; ${onHost(evidence, name, `df -h ${receiverDirectory}`)}`,
      );
    }),
  },
  {
    id: "reaches-radar-servers",
    name: "reaches the radar servers",
    part: "PDS",
    hosts: pdses,
    judge: byHost(({ fetches = [] }, { evidence }, name) => {
      for (const fetch of fetches) {
        const verdict = judgeFetch(fetch, onHost(evidence, name, `ping -c 3 ${fetch.from}`));
        if (verdict.verdict === "broken") return verdict;
      }
      return good(
        fetches.length > 0
          ? `fetched a product from each of ${fetches.map(({ from }) => from).join(", ")}`
          : "no product to fetch",
      );
    }),
  },
  {
    id: "announcements-are-taken",
    name: "announcements are consumed",
    part: "PDS",
    hosts: first,
    judge: ({ evidence }) => {
      const { pull } = evidence.chain.queues;
      const found = evidence.broker.queues?.[pull];
      if (!found) return noQueue(evidence, pull);
      const holds = `${pull} holds ${found.messages}, ${found.consumers} consumers ack ${perSecond(found.acknowledged)}`;
      const logs = `./warren logs -s ${evidence.chain.stack} --agent puller --since 600`;
      if (found.consumers === 0) return broken(`${pull} has no consumer; ${holds}`, logs);
      if (found.consumers < evidence.chain.pdses.length) {
        return broken(
          `${evidence.chain.pdses.length} pullers, and ${holds}`,
          `a puller is down or not connected: ${logs}`,
        );
      }
      const seconds = waitSeconds(found);
      if (seconds !== undefined && isTooSlow(found)) {
        return broken(
          `${holds}, ${perSecond(found.published)} are published: the last one waits ${ageText(seconds * 1000)}`,
          `pullers are slower than new announcements arrive: ${logs}`,
        );
      }
      if (seconds === undefined && found.ready > 0) return broken(`${holds}: none is consumed`, logs);
      return good(holds);
    },
  },
  {
    id: "products-are-pulled",
    name: "products are pulled",
    part: "PDS",
    hosts: first,
    judge: ({ evidence, productAgeSeconds }) => {
      const last = evidence.chain.pdses.flatMap((host) => {
        const found = hostEvidence(evidence, host);
        return found?.placedAtMs === undefined ? [] : [{ host, ageMs: found.nowMs - found.placedAtMs }];
      });
      const [latest] = last.toSorted((a, b) => a.ageMs - b.ageMs);
      if (!latest) return good("nothing pulled since the hosts started");
      const text = `last one ${ageText(latest.ageMs)} ago, on ${latest.host}`;
      // If nothing is made, nothing is pulled; an earlier step reports that.
      const made = evidence.chain.urps.some((urp) => {
        const found = hostEvidence(evidence, urp);
        const newest = found?.newest?.[0];
        return found && newest && found.nowMs - newest.modifiedMs < productAgeSeconds * 1000;
      });
      const late = made && latest.ageMs > (productAgeSeconds + waitSecondsMost) * 1000;
      return late ? broken(text, `./warren logs -s ${evidence.chain.stack} --agent puller --since 600`) : good(text);
    },
  },
  {
    id: "no-dead-letters",
    name: "no dead letters",
    part: "PDS",
    hosts: first,
    judge: ({ evidence }) => {
      const { dead } = evidence.chain.queues;
      const found = evidence.broker.queues?.[dead];
      if (!found) return noQueue(evidence, dead);
      if (found.messages === 0) return good(`${dead} is empty`);
      return broken(
        `${dead} holds ${found.messages}`,
        `./warren dead list -s ${evidence.chain.stack} says why; docs/runbook.md, "Dead letters", when to replay and when to drop`,
      );
    },
  },
];
