import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { StackConfig } from "../../infra/config/index.ts";
import { bootHost, cutLink, healLink, healNetwork, hostRoot, killHost, partition } from "../../scripts/lab/index.ts";
import { run } from "../../scripts/lab/run.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { namespaceOf } from "../../scripts/lab/spec.ts";
import { needHost } from "../../scripts/lab/ssh.ts";
import { pause } from "../../scripts/lib/poll.ts";
import { publicNames } from "../../scripts/traffic/public-plan.ts";
import { putIntoQueue } from "../../scripts/traffic/public-run.ts";
import { seededRandom } from "../../scripts/traffic/random.ts";
import { writeCopy } from "../../scripts/traffic/writer.ts";
import { makeProduct } from "../chaos/products.ts";
import type { Act } from "../faults/fault.ts";
import { withChannel } from "./broker.ts";
import { lab, on } from "./subject.ts";

// The actions that make faults for verify, and the products that flow during them.

const everyMs = 500;
const filterTable = "verify-fault";

export interface Trickle {
  /** Hosts that get no products. */
  readonly withheld: Set<string>;
  stop(): Promise<void>;
}

/** Twice a second, until stopped: puts a product on each radar server, and one into the next of px's txqs. */
export async function startTrickle(config: StackConfig): Promise<Trickle> {
  const { announcements, datamart } = config;
  const urps = hostsOf(config, "urp");
  const roots = Object.fromEntries(
    await Promise.all(
      urps.map(async (urp) => [urp, join(await hostRoot(lab, urp), announcements.productRoot)] as const),
    ),
  );
  const [px] = hostsOf(config, "px");
  const root = px === undefined ? "" : await hostRoot(lab, px);
  const txqs = Object.values(px ? (datamart?.delivery?.senders ?? {}) : {}).map((one) =>
    join(root, one.queueDirectory),
  );
  const random = seededRandom(1);
  const mark = `verify_${randomBytes(3).toString("hex")}`;
  const withheld = new Set<string>();
  const stopping = new AbortController();
  const working = (async () => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      const now = new Date();
      const { copies } = makeProduct(mark, number, { urps, observed: now, random });
      for (const copy of copies) if (!withheld.has(copy.urp)) await writeCopy(copy, { roots, samples: new Map() });
      // Each has another minute: clients keep one product per name.
      const { file } = publicNames(new Date(now.getTime() - number * 60_000 - 86_400_000), "XSS");
      const txq = txqs[number % txqs.length];
      if (txq) await putIntoQueue(txq, file, Buffer.from(`${file}\n`));
      await pause(everyMs, stopping.signal);
    }
  })();
  // A failing write is reported by `stop`.
  working.catch(() => {});
  return {
    withheld,
    async stop() {
      stopping.abort();
      await working;
    },
  };
}

/** Does the acts one after the other. */
export async function perform(
  acts: readonly Act[],
  { config, withheld }: { config: StackConfig; withheld: Set<string> },
) {
  const { announcements, brokers, virtualIps } = config;
  const vip = virtualIps[brokers[announcements.broker]?.virtualIp ?? ""]?.address ?? "";
  for (const act of acts) {
    if ("on" in act) await on(act.on, `VIP=${vip}\n${act.run}`);
    else if ("lab" in act) await labFault(act);
    else if ("block" in act) await filter(act.block, await blocking(act));
    else if ("unblock" in act)
      await filter(act.unblock, `add table inet ${filterTable}\ndelete table inet ${filterTable}\n`);
    else if ("announce" in act) await announce(act.announce, announcements);
    else if (act.products === "stop") withheld.add(act.host);
    else withheld.delete(act.host);
  }
}

async function labFault(act: Extract<Act, { lab: string }>): Promise<void> {
  if (act.lab === "healNetwork") return healNetwork(lab);
  if (act.lab === "partition") return partition(lab, [act.hosts[0]], [act.hosts[1]]);
  const verbs = { kill: killHost, boot: bootHost, cut: cutLink, heal: healLink };
  await verbs[act.lab](lab, act.host);
}

async function blocking({ to, ports, how }: Extract<Act, { block: string }>): Promise<string> {
  const address = to === undefined ? "" : `ip daddr ${(await needHost(lab, to)).host.address} `;
  const verdict = how === "drop" ? "drop" : "reject with tcp reset";
  return `table inet ${filterTable} {
  chain output {
    type filter hook output priority 0
    ${address}tcp dport { ${ports.join(", ")} } ${verdict}
  }
}
`;
}

/** Runs nft in the host's network namespace, from outside: not every host has nft. */
async function filter(host: string, rules: string): Promise<void> {
  const { record } = await needHost(lab, host);
  await run(["ip", "netns", "exec", namespaceOf(record.index, host), "nft", "-f", "-"], { input: rules });
}

const announce = (text: string, { exchange, inputTopic }: StackConfig["announcements"]): Promise<void> =>
  withChannel(async (channel) => {
    channel.publish(exchange, `${inputTopic}.RADAR`, Buffer.from(text));
    await channel.waitForConfirms();
  });
