import type { Chain } from "../snapshot/chain.ts";
import { chainHostOf } from "../snapshot/chain.ts";
import { type Evidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";
import { headText } from "../snapshot/queue-head.ts";
import { type CrashLoop, crashLoops, keptPlaces } from "../snapshot/restarts.ts";
import { ageText, broken, byHost, type Crash, good, logsOf, onHost, type Part, type Step } from "./step.ts";

/**
 * Programs of warren keep running. This step comes before the others of those agents, because a crash loop looks like other problems to them, e.g. like a
 * broker without a connection.
 */
export const keepsRunningStep = (part: Part, hosts: Step["hosts"], isSelected: (agent: string) => boolean): Step => ({
  id: "keeps-running",
  name: "keeps running",
  part,
  hosts: (chain) => hosts(chain).filter((name) => placesOf(chain, name, isSelected).length > 0),
  judge: byHost((host, { evidence }, name) => {
    const [loop, ...others] = crashLoops(evidence.chain, name, host).filter(({ place }) => isSelected(place.name));
    if (!loop)
      return good(
        placesOf(evidence.chain, name, isSelected)
          .map((place) => steadyText(host, place))
          .join(" · "),
      );
    const more = others.length > 0 ? `; the same for ${others.map(({ place }) => place.name).join(", ")}` : "";
    const crash = crashOf(evidence, host, loop);
    return { ...broken(`${crashText(crash, host.nowMs)}${more}`, remedyOf(evidence, name, crash)), crash };
  }),
});

const placesOf = (chain: Chain, name: string, isSelected: (agent: string) => boolean) =>
  keptPlaces(chainHostOf(chain, name)).filter((place) => isSelected(place.name));

function steadyText(host: HostEvidence, { name, unit }: CrashLoop["place"]): string {
  const restarts = host.restarts?.[unit]?.length ?? 0;
  return restarts === 0
    ? `${name} has not been restarted`
    : `${name} was restarted ${times(restarts)} within ten minutes`;
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

function crashOf(evidence: Evidence, host: HostEvidence, { place, restarts, lastMs }: CrashLoop): Crash {
  const { name, unit, takes } = place;
  const { chain, broker, publicBrokers } = evidence;
  const { result = "", exitStatus = 0 } = host.units[unit] ?? {};
  const end = host.ends?.[unit];
  const words = end?.fatal ?? end?.words;
  const asked = takes?.broker === chain.broker ? broker.heads : publicBrokers[takes?.broker ?? ""]?.heads;
  const heads = (takes?.queues ?? []).flatMap((queue) => {
    const head = asked?.[queue];
    return head ? [[queue, head] as const] : [];
  });
  return {
    ...{ agent: name, unit, restarts, lastRestartMs: lastMs, result, exitStatus },
    ...(words === undefined ? {} : { lastWords: words }),
    heads: Object.fromEntries(heads),
  };
}

function crashText(crash: Crash, nowMs: number): string {
  const { agent, restarts, lastRestartMs, result, exitStatus, lastWords, heads } = crash;
  return [
    `${agent} was restarted ${times(restarts)} within ten minutes, the last time ${ageText(nowMs - lastRestartMs)} ago`,
    // While it runs, systemd has no result; if its program could not start, there is no exit status.
    ...(result === "" || result === "success" ? [] : [`last exit: ${result}${exitStatus ? ` ${exitStatus}` : ""}`]),
    ...(lastWords === undefined ? [] : [`last output: ${lastWords}`]),
    ...Object.entries(heads).map(([queue, head]) => headText(queue, head)),
  ].join("; ");
}

function remedyOf(evidence: Evidence, name: string, { agent, unit, heads }: Crash): string {
  const message = Object.keys(heads).length > 0 ? "; if it fails on that message, remove it from the queue" : "";
  return `find the cause with ${logsOf(evidence, name, agent)}${message}; when it is fixed: ${onHost(evidence, name, `systemctl restart ${unit}`)}`;
}

/** Whether an agent of a host is in a crash loop. */
export function isCrashLooping(evidence: Evidence, name: string, agent: string): boolean {
  const host = hostEvidence(evidence, name);
  return host !== undefined && crashLoops(evidence.chain, name, host).some(({ place }) => place.name === agent);
}
