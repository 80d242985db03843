import { UserError } from "../../agents/lib/errors.ts";
import { inotifywait, installMissing } from "../../scripts/lib/packages.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { firstObservationOf } from "../../scripts/traffic/names.ts";
import { planProducts } from "../../scripts/traffic/plan.ts";
import { loadSamples, type Samples } from "../../scripts/traffic/samples.ts";
import { type FlowResult, flowUrps, runFlow } from "../flow/run.ts";
import { type BrokerMessages, messagesOf } from "../rigs/broker-messages.ts";
import { installPython } from "../sr3/installation.ts";
import type { ChainLoad } from "./chain-plan.ts";
import { type ChainAgent, type ChainAgents, type ChainResult, chainAgents, type Measured } from "./chain-report.ts";
import { runSr3Chain } from "./chain-sr3.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import { cpuSeconds, residentBytes } from "./usage.ts";

export interface ChainBenchOptions extends BenchSteps {
  readonly plan: readonly ChainLoad[];
  /** Measure sr3's programs as well, after each load of warren's. */
  readonly besideSr3?: boolean;
}

/** Messages that the tap of a flow gets of each product: two announcements, and what is dispatched. */
const tappedPerProduct = flowUrps.length + 1;
/** Discards the progress line. */
const stream = { write: () => {} };

/** Measures one load after the other, each with agents that were just started, on one broker. Everything is removed afterwards. */
export function runChainBench({ plan, besideSr3, signal, onStep }: ChainBenchOptions): Promise<ChainResult> {
  return cleanly(signal, async (cleanup) => {
    await installMissing([inotifywait], onStep);
    const samples = await loadSamples();
    const installation = besideSr3 ? await installPython("sr3") : undefined;
    onStep("starting a broker");
    const broker = await startLocalBroker({ onProgress: onStep });
    cleanup.add(() => broker.stop());
    // RabbitMQ's default; the local broker has less.
    await broker.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)");
    const scene = { broker, samples, signal };
    const measured: Measured[] = [];
    for (const load of plan) {
      signal.throwIfAborted();
      onStep(`${load.name}: ${load.products} products`);
      const ours = await measure(load, scene, (options) =>
        runFlow({ ...options, broker: broker.url, keep: false, signal, stream }),
      );
      if (ours.faults > 0)
        throw new UserError(`chain, ${load.name}`, `${ours.faults} products were lost, repeated or wrong`, ours.remedy);
      if (!installation) {
        measured.push(ours);
        continue;
      }
      signal.throwIfAborted();
      onStep(`${load.name}: ${load.products} products by sr3`);
      const sr3 = await measure(load, scene, (options) =>
        runSr3Chain({ ...options, broker, installation, signal, stream }),
      );
      measured.push({ ...ours, sr3 });
    }
    return { brokerVersion: broker.version, measured };
  });
}

interface Sample {
  readonly cpu: Readonly<Record<ChainAgent | "broker", number>>;
  readonly resident: Readonly<Record<ChainAgent | "broker", number>>;
  readonly messages: BrokerMessages;
}

/** What a run of a chain needs, warren's or sr3's. */
type ChainRun = Pick<Parameters<typeof runFlow>[0], "plan" | "samples"> &
  Record<"onReady" | "onArrived", (stage: { readonly agents: ChainAgents }) => Promise<void>>;

interface Scene {
  readonly broker: LocalBroker;
  readonly samples: Samples;
  readonly signal: AbortSignal;
}

async function measure(
  load: ChainLoad,
  scene: Scene,
  run: (options: ChainRun) => Promise<FlowResult>,
): Promise<Measured & { readonly remedy: string }> {
  const { broker, samples } = scene;
  const { products: count, ratePerSecond } = load;
  const firstObservation = firstObservationOf(new Date());
  const plan = planProducts({ urps: [...flowUrps], count, ratePerSecond, seed: 1, firstObservation }, samples);
  let before: Sample | undefined;
  let after: Sample | undefined;
  const { account, outcome, directory } = await run({
    plan,
    samples,
    onReady: async ({ agents }) => {
      await untilCalm(scene);
      before = await sample(agents, broker);
    },
    onArrived: async ({ agents }) => {
      after = await sample(agents, broker);
    },
  });
  if (outcome === "aborted" || !before || !after) throw new UserError(`chain, ${load.name}`, "was stopped");
  const [first, last] = [before, after];
  const each = (of: (sample: Sample) => number): number => (of(last) - of(first)) / count;
  const kinds = [...chainAgents, "broker"] as const;
  const record = (of: (kind: (typeof kinds)[number]) => number) =>
    Object.fromEntries(kinds.map((kind) => [kind, of(kind)])) as Measured["cpuMs"];
  const { lost, repeated, wrongSize, wrongContent } = account;
  return {
    load,
    faults: lost + repeated + wrongSize + wrongContent,
    remedy: directory ? `the logs are in ${directory}` : "",
    productsPerSecond: count / (account.seconds.products ?? Number.NaN),
    latencyMs: account.latencyMs,
    cpuMs: record((kind) => 1000 * each(({ cpu }) => cpu[kind])),
    residentBytes: record((kind) => last.resident[kind]),
    received: each(({ messages }) => messages.received),
    delivered: each(({ messages }) => messages.delivered) - tappedPerProduct,
  };
}

/** Until agents that have just started have greeted each other: nothing is delivered any more. After half a minute, whatever is delivered. */
async function untilCalm({ broker, signal }: Scene): Promise<void> {
  let before = -1;
  const isCalm = async () => {
    const { delivered } = await messagesOf(broker);
    const isSame = delivered === before;
    before = delivered;
    return isSame;
  };
  await poll(isCalm, { everyMs: 1000, withinMs: 30_000, signal });
}

async function sample(agents: ChainAgents, broker: LocalBroker): Promise<Sample> {
  const pids = (kind: string) =>
    [...agents.values()].flatMap(({ pid, spec }) => (spec.agent === kind && pid ? [pid] : []));
  const sums = (of: (pid: number) => number): Sample["cpu"] => {
    const sum = (all: readonly number[]) => all.reduce((total, pid) => total + of(pid), 0);
    const kinds = chainAgents.map((kind) => [kind, sum(pids(kind))] as const);
    return Object.fromEntries([...kinds, ["broker", sum(broker.pid ? [broker.pid] : [])]]) as Sample["cpu"];
  };
  return { cpu: sums(cpuSeconds), resident: sums(residentBytes), messages: await messagesOf(broker) };
}
