import { buildModel } from "../../../infra/model/index.ts";
import type { ArtifactSources, EnvironmentModel } from "../../../infra/model/types.ts";
import { observeBrokers } from "../../../infra/observe/broker.ts";
import { observe } from "../../../infra/observe/index.ts";
import { checkoutDirectory } from "../paths.ts";
import { lab, stackConfig } from "./subject.ts";

const artifact = { source: "", sha256: "", installedSha256: "", bytes: 1 };
/** What observation asks of an artifact is its path and its size. */
const artifacts: ArtifactSources = {
  node: { ...artifact, bytes: 120_000_000 },
  announcer: artifact,
  dispatcher: artifact,
  puller: artifact,
  "queue-manager": artifact,
  sender: artifact,
  subscriber: artifact,
  watcher: artifact,
};

/** The lab's model with as many hosts as wanted: where the lab has fewer, some are asked twice, under another name and by a login of its own. */
async function modelOf(hosts: number): Promise<EnvironmentModel> {
  const model = buildModel(lab, await stackConfig(), artifacts);
  const more = Array.from({ length: Math.max(0, hosts - model.hosts.length) }, (_, index) => {
    const host = model.hosts[index % model.hosts.length];
    if (!host) throw new Error("the lab has no host");
    const name = `${host.name}-again-${index}`;
    return { ...host, name, connection: { ...host.connection, host: name } };
  });
  return { ...model, hosts: [...model.hosts, ...more] };
}

/** Seconds to ask so many hosts and the lab's brokers, all at the same time, with the connections there already as in a second preview. */
export async function observationSeconds(hosts: number): Promise<number> {
  const model = await modelOf(hosts);
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
  return seconds;
}
