import { readFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { StackConfig } from "../../../infra/config/index.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { dispatcherHosts } from "../../../infra/model/dispatchers.ts";
import { readPulumi } from "../../engine/engine.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { checkout } from "../../engine/places.ts";
import { ensureToolchain } from "../../engine/toolchain/toolchain.ts";
import { readDefinitions } from "./brokers.ts";
import type { BackupContent } from "./file.ts";
import { fetchJournal } from "./journals.ts";
import { type Missing, makePart, type Part, type PartEntry, sha256 } from "./manifest.ts";
import { openConfig, secretsOf } from "./secrets.ts";

/** Asks all hosts and brokers at the same time and changes nothing. Parts that can't be read are listed as missing, with the reason. */
export async function gather(stack: string, config: StackConfig, signal: AbortSignal): Promise<BackupContent> {
  const parts: Part[] = [];
  const missing: Missing[] = [];
  const brokers: Record<string, string> = {};
  const take = async (kind: PartEntry["kind"], of: string, get: () => Promise<Buffer | { why: string }>) => {
    const takenAt = new Date();
    const found = await get().catch((error: Error) => {
      signal.throwIfAborted();
      return { why: error.message };
    });
    signal.throwIfAborted();
    if ("why" in found) missing.push({ kind, of, why: found.why });
    else parts.push(makePart(kind, of, found, takenAt));
  };

  const createdAt = new Date().toISOString();
  const [toolchain, ca, reach] = await Promise.all([
    ensureToolchain({ signal }),
    readOperatorCa(stack),
    openHosts(stack, config),
  ]);
  await Promise.all([
    take("state", stack, async () =>
      Buffer.from(await readPulumi(["stack", "export", "--stack", stack], { stack, signal, toolchain })),
    ),
    ...clusterModels(config).map((cluster) =>
      take("definitions", cluster.name, async () => {
        const found = await readDefinitions(cluster, ca);
        if ("why" in found) return found;
        brokers[cluster.name] = found.answer.parsed.rabbitmq_version;
        return Buffer.from(found.answer.text);
      }),
    ),
    ...dispatcherHosts(config).map((host) => take("journal", host, () => fetchJournal(reach, host, signal))),
  ]);

  const { version } = JSON.parse(await readFile(join(checkout, "package.json"), "utf8")) as { version: string };
  return {
    stack,
    createdAt,
    parts: parts.toSorted((a, b) => order(a.entry, b.entry)),
    secrets: secretsOf(config),
    facts: {
      by: `${userInfo().username}@${hostname()}`,
      versions: { warren: version, engine: toolchain.version, brokers },
      config: sha256(openConfig(config)),
      missing: missing.toSorted(order),
    },
  };
}

const order = (a: Missing | PartEntry, b: Missing | PartEntry): number =>
  a.kind.localeCompare(b.kind) || a.of.localeCompare(b.of);
