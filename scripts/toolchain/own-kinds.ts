import { lstat } from "node:fs/promises";
import path from "node:path";
import { projectName } from "../engine/stack.ts";
import { debugLogs, providerProgram } from "../engine/toolchain/plugins.ts";
import type { PinnedVersions, ProviderName } from "../engine/toolchain/versions.ts";
import type { LabRecord } from "../lab/registry.ts";
import { ageMs, isTemporary } from "../lib/files.ts";
import { fromAll } from "../lib/lists.ts";
import { namesIn } from "./folders.ts";
import { isSettled, isUnfinished, judged, type Kind, kindsIn, type Thing, type Use } from "./kind.ts";

/** Copies of a stack's state, and records of its updates, that are kept: as many as `./warren history` shows. */
export const copiesKept = 20;

const logsKeptMs = 7 * 24 * 3_600_000;

/** What decides about the things in a checkout's own folder. */
export interface OwnFacts {
  readonly own: string;
  readonly providers: PinnedVersions["providers"];
  /** The name of the folder with the bundles of the present sources. */
  bundles(): Promise<string>;
  /** All labs of this machine. */
  labs(): Promise<readonly LabRecord[]>;
  /** The lock of processes that begin or end a lab. */
  readonly labLock: string;
}

/** The kinds of things in a checkout's own folder, `.warren`. */
export function ownKinds(facts: OwnFacts): Kind[] {
  const { own } = facts;
  const kind = kindsIn(own);
  const made = async (name: string, place: string): Promise<Use> =>
    (await isUnfinished(name, place)) ? "free" : "in use";
  return [
    kind("engine of this checkout", "bin", (where) => judged(own, where, made)),
    kind("agents and Node for hosts", "artifacts", (where) => judged(own, where, made)),
    kind("plugins of warren", "plugins", (where) => bundles(where, facts)),
    kind("plugins for the engine", "pulumi/plugins", (where) => plugins(where, facts)),
    kind("debug logs of the engine", "pulumi/logs", () => engineLogs(own)),
    kind("compiled code", "compile-cache", (where) => compiled(where, own)),
    kind("copies of states", "state/.pulumi/backups", (where) => copies(where, own)),
    kind("history of updates", "state/.pulumi/history", (where) => copies(where, own)),
    kind("states", "state", (where) => judged(own, where, () => "kept")),
    kind("keys and consoles of labs", "labs", (where) => labFiles(where, facts)),
    kind("logs", "logs", (where) => judged(own, where, logs)),
    kind("other files of this checkout", ".", (where) => judged(own, where, () => "kept")),
  ];
}

async function bundles(where: string, { own, bundles: currentOne }: OwnFacts): Promise<Thing[]> {
  const current = await currentOne();
  return judged(own, where, async (name, place) => (name !== current && (await isSettled(place)) ? "free" : "in use"));
}

/** Named as the engine requires, `resource-NAME-vVERSION`, with the engine's notes beside them. A plugin that warren did not put there stays. */
function plugins(where: string, { own, providers }: OwnFacts): Promise<Thing[]> {
  const home = path.dirname(where);
  const current = Object.entries(providers).map(([name, version]) =>
    path.basename(path.dirname(providerProgram(home, name as ProviderName, version))),
  );
  return judged(own, where, async (name, place) => {
    const [, plugin = "", provider = ""] = /^(resource-([a-z]+)-v\d+\.\d+\.\d+)(?:\.[a-z]+)?$/.exec(name) ?? [];
    if (current.includes(plugin)) return "in use";
    return (provider in providers || isTemporary(name)) && (await isSettled(place)) ? "free" : "kept";
  });
}

/** A file in their place prevents them: see `withoutDebugLogs`. */
async function engineLogs(own: string): Promise<Thing[]> {
  const place = debugLogs(path.join(own, "pulumi"));
  if (!(await namesIn(own, path.dirname(place))).includes(path.basename(place))) return [];
  return [{ place, use: (await lstat(place)).isFile() ? "in use" : "free" }];
}

/** Each is made again when its module is next loaded. Those of the last hour are probably needed again at once. */
async function compiled(where: string, own: string): Promise<Thing[]> {
  const runtimes = await namesIn(own, where);
  return fromAll(runtimes, (runtime) =>
    judged(own, path.join(where, runtime), async (_name, place) => ((await isSettled(place)) ? "free" : "in use")),
  );
}

/** Each update has files of its own, with its time in nanoseconds in their names: `STACK.TIME.json`, `STACK-TIME.history.json`. */
async function copies(where: string, own: string): Promise<Thing[]> {
  const stacks = path.join(where, projectName);
  const timeOf = (name: string): string | undefined => /[.-](\d{19})\./.exec(name)?.[1];
  return fromAll(await namesIn(own, stacks), async (stack) => {
    const folder = path.join(stacks, stack);
    const times = (await namesIn(own, folder)).flatMap((name) => timeOf(name) ?? []);
    const newest = [...new Set(times)].toSorted().slice(-copiesKept);
    return judged(own, folder, (name) => {
      const time = timeOf(name);
      return time === undefined || newest.includes(time) ? "kept" : "free";
    });
  });
}

/** Of a lab that is down, its keys and its stack file stay: its next start, and its state, need them. Only consoles grow. */
async function labFiles(where: string, { own, labs, labLock }: OwnFacts): Promise<Thing[]> {
  const checkout = path.dirname(own);
  const present = (await labs()).filter((lab) => lab.checkout === checkout).map(({ name }) => name);
  return fromAll(await namesIn(own, where), async (lab) => {
    const folder = path.join(where, lab);
    if (present.includes(lab)) return [{ place: folder, use: "in use" }];
    const consoles = await judged(own, path.join(folder, "console"), (_name, place) => ({
      place,
      use: "free",
      lock: labLock,
    }));
    return [...consoles, { place: folder, use: "kept" }];
  });
}

const logs = async (_name: string, place: string): Promise<Use> =>
  (await ageMs(place).catch(() => 0)) > logsKeptMs ? "free" : "kept";
