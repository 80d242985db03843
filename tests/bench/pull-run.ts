import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import { curlVersion, downloadByCurl } from "./curl.ts";
import { startNginx, type WebServer } from "./nginx.ts";
import { type BenchPlace, openBenchPlace } from "./place.ts";
import { type PullPlan, pullersCount } from "./pull-plan.ts";
import { PullProducts } from "./pull-products.ts";
import type { PullResult } from "./pull-report.ts";
import { emptyFolder, Pullers, type Pulling } from "./pullers.ts";
import { startNodeServer } from "./web-server.ts";

const run = promisify(execFile);

export interface PullBenchOptions extends BenchSteps {
  readonly plan: PullPlan;
}

/**
 * Measures curl and pullers alternately, from the same server to folders on the same disk. Broker, server, pullers and folders are removed
 * before it resolves or rejects.
 */
export function runPullBench({ plan, signal, onStep }: PullBenchOptions): Promise<PullResult> {
  return cleanly(signal, async (cleanup) => {
    const curl = await curlVersion();
    const place = await openBenchPlace({ queueType: "classic", onStep }, cleanup);
    signal.throwIfAborted();
    const root = join(place.directory, "htdocs");
    const products = await PullProducts.make(root, Math.max(plan.files, plan.slowFiles), plan.fileBytes);
    const server = (await startNginx(root, place.directory, cleanup)) ?? (await startNodeServer(root, 0, cleanup));
    const slow = await startNodeServer(root, plan.slowMs, cleanup);
    onStep(`${pullersCount} pullers, warming up with ${plan.warmUpFiles} files`);
    const pullers = await Pullers.start(place, pullersCount, signal, cleanup);
    for (let done = 0; done < plan.warmUpFiles; done += plan.files) {
      const count = Math.min(plan.files, plan.warmUpFiles - done);
      await pullers.pull(`warm-${done}`, products, count, server.baseUrl);
    }
    const turns = await takeTurns({ plan, signal, onStep }, { place, products, signal }, server, pullers);
    onStep(`${plan.slowFiles} files from a server that answers after ${plan.slowMs} ms, by curl and by pullers`);
    const slowByCurl = await curlOnce(plan.slowFiles, slow, { place, products, signal });
    const slowByPullers = await pullers.pull("slow", products, plan.slowFiles, slow.baseUrl);
    const slowWaitedMs = await slow.waitedMs();
    const versions = { curl, broker: place.broker.version, server: server.what };
    return { plan, pullers: pullersCount, versions, ...turns, slowWaitedMs, slowByCurl, slowByPullers };
  });
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
  await emptyFolder(folder);
  return filesPerSecond;
}

async function takeTurns(
  { plan, signal, onStep }: PullBenchOptions,
  scene: Scene,
  server: WebServer,
  pullers: Pullers,
) {
  const byCurl: number[] = [];
  const byPullers: Pulling[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const order = round % 2 === 1 ? (["curl", "pullers"] as const) : (["pullers", "curl"] as const);
    for (const who of order) {
      signal.throwIfAborted();
      // Otherwise the next sync would wait for curl's unwritten data.
      await run("sync", ["--file-system", scene.place.directory]);
      onStep(`round ${round} of ${plan.rounds}: ${plan.files} files by ${who}`);
      if (who === "curl") byCurl.push(await curlOnce(plan.files, server, scene));
      else byPullers.push(await pullers.pull(`round-${round}`, scene.products, plan.files, server.baseUrl));
      onStep(`  ${Math.round((who === "curl" ? byCurl.at(-1) : byPullers.at(-1)?.filesPerSecond) ?? 0)} files/s`);
    }
  }
  return { byCurl, byPullers };
}
