import { buildModel } from "../../infra/model/index.ts";
import type { ArtifactSources, EnvironmentModel } from "../../infra/model/types.ts";
import { observeBrokers } from "../../infra/observe/broker.ts";
import { observe } from "../../infra/observe/index.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { lab, stackConfig } from "./subject.ts";

const artifact = { source: "", sha256: "", installedSha256: "", bytes: 1 };
/** What observation asks of an artifact is its path and its size. */
const artifacts: ArtifactSources = {
  node: { ...artifact, bytes: 120_000_000 },
  announcer: artifact,
  bridge: artifact,
  dispatcher: artifact,
  puller: artifact,
  "queue-manager": artifact,
  receiver: artifact,
  sender: artifact,
  subscriber: artifact,
  watcher: artifact,
};

/** The lab's hosts as they should be, but for certificates and programs. */
export const labModel = async (): Promise<EnvironmentModel> => buildModel(lab, await stackConfig(), artifacts);

/** Seconds to ask all hosts and brokers of the lab, all at the same time, with the connections there already as in a second preview. */
export async function observation(): Promise<{ readonly hosts: number; readonly seconds: number }> {
  const model = await labModel();
  const ask = () => Promise.all([observe(model, checkoutDirectory), observeBrokers(model, checkoutDirectory)]);
  await ask();
  const began = performance.now();
  const [observations, brokers] = await ask();
  const seconds = (performance.now() - began) / 1000;
  const silent = [...observations].filter(([, answer]) => "unreachable" in answer).map(([host]) => host);
  if (silent.length > 0) throw new Error(`not observed: ${silent.join(", ")}`);
  for (const views of brokers.values()) {
    for (const view of views.values()) if ("silent" in view) throw new Error(`not observed: ${view.silent}`);
  }
  return { hosts: model.hosts.length, seconds };
}
