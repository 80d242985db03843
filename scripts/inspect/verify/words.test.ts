import { expect, it } from "vitest";
import type { Evidence } from "../snapshot/evidence.ts";
import { agentStatuses } from "../status/agents.ts";
import { cases } from "./cases.ts";
import { crashCases } from "./crash-cases.ts";
import { healthyEvidence } from "./fixture.ts";
import { verify } from "./judge.ts";
import { laterCases } from "./later-cases.ts";
import { publicCases } from "./public-cases.ts";

/** The same evidence with other sentences from agents and units. */
function inOtherWords(evidence: Evidence): Evidence {
  const isSentence = (key: string) => key === "text" || key === "status" || key === "fault";
  return JSON.parse(JSON.stringify(evidence), (key, value: unknown) =>
    isSentence(key) && typeof value === "string" ? "tout va autrement" : value,
  );
}

const healthy = { title: "nothing", change: () => {} };
const all = [healthy, ...cases, ...laterCases, ...publicCases, ...crashCases];

it.each(all.map((one) => [one.title, one] as const))("no verdict depends on agents' sentences if %s", (_, one) => {
  const evidence = healthyEvidence("stack" in one ? one.stack : undefined);
  one.change(evidence);
  const verdicts = (of: Evidence) =>
    verify(of, { productAgeSeconds: 300 }).steps.map(
      ({ part, id, host, verdict }) => `${part} ${id} ${host} ${verdict}`,
    );
  const statuses = (of: Evidence) =>
    agentStatuses(of, healthyEvidence(of.chain.stack)).map(({ text: _, ...rest }) => rest);
  const other = inOtherWords(evidence);
  expect(verdicts(other)).toEqual(verdicts(evidence));
  expect(statuses(other)).toEqual(statuses(evidence));
});
