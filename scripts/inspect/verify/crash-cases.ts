import type { Evidence } from "../snapshot/evidence.ts";
import { agentSays, away, type Case, silentAgent, unitIs } from "./cases.ts";
import { type Draft, hostOf, nowMs } from "./fixture.ts";

/** The agent has exited `count` times, the last time a second ago, `everyMs` apart. */
export function crashes(evidence: Draft<Evidence>, host: string, agent: string, count: number, everyMs: number): void {
  const unit = `warren-${agent}.service`;
  const words = hostOf(evidence, host);
  unitIs(evidence, host, unit, "activating", "auto-restart");
  Object.assign(words.units[unit] ?? {}, { restarts: count, result: "exit-code", exitStatus: 1 });
  words.restarts = {
    [unit]: Array.from({ length: count }, (_, index) => nowMs - 1000 - (count - 1 - index) * everyMs),
  };
  if (agent !== "subscriber") silentAgent(evidence, host, agent, "Connection refused");
}

/** Agents in a crash loop. */
export const crashCases: readonly Case[] = [
  {
    title: "an announcer is in a crash loop",
    change: (evidence) => crashes(evidence, "urp-1", "announcer", 40, 900),
    ...{ host: "urp-1", step: "keeps-running", says: /^announcer was restarted 40 times/, remedy: /--agent announcer/ },
  },
  {
    title: "the active dispatcher is in a crash loop: the address moves, and announcers lose their broker",
    change: (evidence) => {
      crashes(evidence, "bunny1", "dispatcher", 12, 2000);
      agentSays(
        evidence,
        "urp-1",
        "announcer",
        false,
        "9 waiting; no connection to amqps://10.203.4.50:5671: reset",
        away,
      );
      hostOf(evidence, "bunny1").addresses = ["10.203.4.21"];
      evidence.broker.heads = {
        "cmc.urp.input": {
          ...{ routingKey: "v00.urp.input.x", redelivered: true, bodyBytes: 40, body: "\\x1b[2J", moreHeaders: 3 },
          headers: [{ name: "x-warren-alternate", bytes: 66_000 }],
        },
      };
      hostOf(evidence, "bunny1").ends = { "warren-dispatcher.service": { fatal: "failed: headers too large" } };
    },
    host: "bunny1",
    step: "keeps-running",
    says: /exit-code 1; last output: failed: headers too large; at the head of cmc\.urp\.input: key v00\.urp\.input\.x, 40 bytes "\\x1b\[2J", headers x-warren-alternate \(66000 bytes\) and 3 more$/,
    remedy: /--host bunny1 --agent dispatcher.*remove it from the queue.*restart warren-dispatcher/,
  },
  {
    title: "a puller exits every three minutes, and runs in between",
    change: (evidence) => {
      crashes(evidence, "pds-2", "puller", 3, 180_000);
      unitIs(evidence, "pds-2", "warren-puller.service", "active", "running");
      agentSays(evidence, "pds-2", "puller", true, "500 done");
    },
    ...{ host: "pds-2", step: "keeps-running", says: /^puller was restarted 3 times/, remedy: /--agent puller/ },
  },
  {
    title: "one of px's senders and the receiver on the same host are in a crash loop",
    stack: "lab",
    change: (evidence) => {
      crashes(evidence, "px-1", "receiver-urls", 5, 900);
      const { restarts } = hostOf(evidence, "px-1");
      crashes(evidence, "px-1", "delivery-ftp", 5, 900);
      Object.assign(hostOf(evidence, "px-1").restarts ?? {}, restarts);
    },
    ...{ host: "px-1", step: "keeps-running", says: /^delivery-ftp was/, remedy: /--agent delivery-ftp/ },
  },
  {
    title: "a client's subscriber is in a crash loop",
    stack: "lab",
    change: (evidence) => crashes(evidence, "client-1", "subscriber", 5, 900),
    ...{ host: "client-1", step: "keeps-running", says: /^subscriber was/, remedy: /restart warren-subscriber/ },
  },
];
