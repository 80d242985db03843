import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { prometheusTools } from "./unpacked-program.ts";

/**
 * Starts Debian's Prometheus until the test ends. It may not answer yet.
 *
 * @param history series of the past in OpenMetrics, with times
 * @returns its address
 */
export async function startPrometheus(config: object, history?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "warren-prometheus-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { prometheus, promtool } = await prometheusTools();
  const [file, data] = [join(folder, "prometheus.yml"), join(folder, "data")];
  await writeFile(file, JSON.stringify(config));
  if (history !== undefined) {
    await writeFile(join(folder, "history"), history);
    await execa(promtool.command, ["tsdb", "create-blocks-from", "openmetrics", join(folder, "history"), data], {
      env: promtool.env,
    });
  }
  const address = `127.0.0.1:${await freePort()}`;
  const words = [`--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${address}`];
  const child = spawn(prometheus.command, words, { env: prometheus.env, stdio: "ignore" });
  onTestFinished(async () => {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  });
  return `http://${address}`;
}
