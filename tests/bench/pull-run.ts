import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Cleanup } from "../rigs/cleanup.ts";
import { installPython } from "../sr3/installation.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import { curlVersion, downloadByCurl } from "./curl.ts";
import { startNginx, type WebServer } from "./nginx.ts";
import { type BenchPlace, openBenchPlace } from "./place.ts";
import { BareConsumers, Sr3Pullers } from "./pull-peers.ts";
import { type PullPlan, pullersCount } from "./pull-plan.ts";
import { PullProducts } from "./pull-products.ts";
import type { PrefetchResult, PullResult } from "./pull-report.ts";
import { Pullers, type Pulling, setAside } from "./pullers.ts";
import { startNodeServer } from "./web-server.ts";

const run = promisify(execFile);

export interface PullBenchOptions extends BenchSteps {
  readonly plan: PullPlan;
  /** Measure sr3's `subscribe` as well. */
  readonly besideSr3?: boolean;
}

/**
 * Measures curl, pullers and their peers alternately, from the same server to folders on the same disk. Broker, server, pullers and folders are removed
 * before it resolves or rejects.
 */
export function runPullBench({ plan, besideSr3, signal, onStep }: PullBenchOptions): Promise<PullResult> {
  return cleanly(signal, async (cleanup) => {
    const curl = await curlVersion();
    const installation = besideSr3 ? await installPython("sr3") : undefined;
    const place = await openBenchPlace({ queueType: "classic", onStep }, cleanup);
    signal.throwIfAborted();
    const root = join(place.directory, "htdocs");
    const products = await PullProducts.make(root, Math.max(plan.files, plan.slowFiles), plan.fileBytes);
    const server = (await startNginx(root, place.directory, cleanup)) ?? (await startNodeServer(root, 0, cleanup));
    const slow = await startNodeServer(root, plan.slowMs, cleanup);
    const scene = { place, products, signal };
    const byPrefetch: PrefetchResult[] = [];
    let bySlow: Pick<PullResult, "slowByCurl" | "slowByPullers"> | undefined;
    for (const prefetch of plan.prefetches) {
      const ofPrefetch = new Cleanup();
      try {
        const pullers = await startWarm({ plan, signal, onStep }, prefetch, scene, server, ofPrefetch);
        const options = { count: pullersCount, prefetch };
        const bare = await BareConsumers.start(place, options, ofPrefetch);
        const sr3 = installation && (await Sr3Pullers.start(place, installation, options, ofPrefetch));
        const own = { prefetch, pullers, bare, sr3 };
        byPrefetch.push(await takeTurns({ plan, signal, onStep }, scene, server, own));
        if (bySlow) continue;
        onStep(`${plan.slowFiles} files from a server that answers after ${plan.slowMs} ms, by curl and by pullers`);
        const slowByCurl = await curlOnce(plan.slowFiles, slow, scene);
        bySlow = { slowByCurl, slowByPullers: await pullers.pull("slow", products, plan.slowFiles, slow.baseUrl) };
      } finally {
        await ofPrefetch.run();
      }
    }
    if (!bySlow) throw new Error("no prefetch was measured");
    const slowWaitedMs = await slow.waitedMs();
    const versions = { curl, broker: place.broker.version, server: server.what };
    return { plan, pullers: pullersCount, versions, byPrefetch, slowWaitedMs, ...bySlow };
  });
}

/** Starts pullers, and has them fetch the warm-up's files. */
async function startWarm(
  { plan, signal, onStep }: PullBenchOptions,
  prefetch: number,
  { place, products }: Scene,
  server: WebServer,
  cleanup: Cleanup,
): Promise<Pullers> {
  onStep(`${pullersCount} pullers with prefetch ${prefetch}, warming up with ${plan.warmUpFiles} files`);
  const pullers = await Pullers.start(place, { count: pullersCount, prefetch }, signal, cleanup);
  for (let done = 0; done < plan.warmUpFiles; done += plan.files) {
    const count = Math.min(plan.files, plan.warmUpFiles - done);
    await pullers.pull(`warm-${prefetch}-${done}`, products, count, server.baseUrl);
  }
  return pullers;
}

interface Scene {
  readonly place: BenchPlace;
  readonly products: PullProducts;
  readonly signal: AbortSignal;
}

/** Measures curl with a server. Its folder is empty again afterwards. */
async function curlOnce(files: number, { baseUrl }: WebServer, { place, products, signal }: Scene): Promise<number> {
  const folder = join(place.directory, "curl");
  await mkdir(folder, { recursive: true });
  const config = products.curlConfig(baseUrl, files, folder);
  const limits = { files, connections: pullersCount, signal };
  const filesPerSecond = await downloadByCurl(config, join(place.directory, "curl.conf"), limits);
  await products.check("curl", files, [folder]);
  await setAside(folder);
  return filesPerSecond;
}

interface Contenders {
  readonly prefetch: number;
  readonly pullers: Pullers;
  readonly bare: BareConsumers;
  readonly sr3: Sr3Pullers | undefined;
}

async function takeTurns(
  { plan, signal, onStep }: PullBenchOptions,
  scene: Scene,
  server: WebServer,
  { prefetch, pullers, bare, sr3 }: Contenders,
): Promise<PrefetchResult> {
  const { products } = scene;
  const result = {
    ...{ prefetch, byCurl: [] as number[], byPullers: [] as Pulling[] },
    ...{ byBare: [] as Pulling[], bySr3: [] as Pulling[] },
  };
  const turns: Readonly<Record<string, (round: number) => Promise<number>>> = {
    curl: async () => added(result.byCurl, await curlOnce(plan.files, server, scene)),
    pullers: async (round) => {
      const run = `round-${prefetch}-${round}`;
      return added(result.byPullers, await pullers.pull(run, products, plan.files, server.baseUrl)).filesPerSecond;
    },
    ...(sr3 && {
      sr3: async () => added(result.bySr3, await sr3.pull(products, plan.files, server.baseUrl)).filesPerSecond,
    }),
    "bare consumers": async () =>
      added(result.byBare, await bare.pull(products, plan.files, server.baseUrl)).filesPerSecond,
  };
  for (let round = 1; round <= plan.rounds; round++) {
    const order = Object.entries(turns);
    for (const [who, turn] of round % 2 === 1 ? order : order.reverse()) {
      signal.throwIfAborted();
      // Otherwise the next sync would wait for unwritten data of curl's.
      await run("sync", ["--file-system", scene.place.directory]);
      onStep(`prefetch ${prefetch}, round ${round} of ${plan.rounds}: ${plan.files} files by ${who}`);
      onStep(`  ${Math.round(await turn(round))} files/s`);
    }
  }
  return result;
}

function added<T>(list: T[], one: T): T {
  list.push(one);
  return one;
}
