import type { FileFacts } from "../lib/scan.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";
import { type Config, configSchema } from "./config.ts";
import type { WatcherPorts } from "./ports.ts";
import { Watcher } from "./watcher.ts";

/** The shortest possible settling: a file of one byte is announced some 20 ms after it arrives. */
export const fixtureConfig = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  rootDirectory: "/dd",
  trees: ["t", "u"],
  baseUrl: "http://dd/",
  formats: ["exp"],
  settleMs: 20,
  emptySettleMs: 60,
  foundSettleMs: 40,
  firstStart: "announce",
});

/** A watcher over files in memory, with the paths that it publishes and the events that it reports. */
export function arrangeWatcher(journal: TreeJournal, settings: Partial<Config> = {}, more: Partial<WatcherPorts> = {}) {
  const files = new Map<string, FileFacts>();
  const published: string[] = [];
  const log: string[] = [];
  const ports: WatcherPorts = {
    look: (path) => files.get(path),
    digest: async (path, facts) => ({ kind: "complete", md5: `${path}${facts.size}` }),
    scan: async (folder) => ({
      files: [...files]
        .map(([path, facts]) => ({ path, ...facts }))
        .filter(({ path }) => path.startsWith(`${folder}/`)),
      folders: [],
      undecodable: [],
      unreadable: [],
      tooDeep: [],
      irregularCount: 0,
    }),
    publish: async (messages) => {
      for (const { message } of messages) published.push(message.body.toString().slice("http://dd/".length));
    },
    journal,
    now: Date.now,
    events: {
      announced: (path, latencyMs) => log.push(`announced ${path}${latencyMs === undefined ? " (found)" : ""}`),
      remembered: (path) => log.push(`remembered ${path}`),
      gone: (path) => log.push(`gone ${path}`),
      rewritten: (path) => log.push(`rewritten ${path}`),
      rejected: (path, reason) => log.push(`rejected ${path}: ${reason}`),
      waiting: (error) => log.push(`waiting: ${error.message}`),
      irregular: (path) => log.push(`irregular ${path}`),
      scanned: (folder, reason, { newCount }) =>
        log.push(`scanned ${folder}: ${reason ?? "new folder"}, ${newCount} new`),
      unreadable: () => {},
      trouble: (tree, error) => log.push(`trouble ${tree}: ${error.message}`),
      recovered: (tree) => log.push(`recovered ${tree}`),
    },
    ...more,
  };
  const watcher = new Watcher({ ...fixtureConfig, ...settings }, ports);
  /** `size` stands for the content and for its modification time. */
  const put = (path: string, size = 1, ageMs = 0, links = 1) =>
    files.set(path, { inode: path, size, modifiedMs: size, changedMs: Date.now() - ageMs, links });
  return { watcher, watch: watcher.handlersOf("t"), files, put, published, log };
}
