import type { Unreachable } from "../../../infra/hosts/ask.ts";
import { ageText } from "../../../infra/lock-owner.ts";
import { bytesText } from "../../lib/bytes.ts";
import type { HostState } from "../backup/journals.ts";
import { type Manifest, partName } from "../backup/manifest.ts";
import { timeText } from "../backup/report.ts";

/** `bare`: warren has installed nothing on any host. `standing`: hosts are more or less as `up` left them. */
export type Mode = "bare" | "standing";

/** The current state. */
export interface Here {
  readonly now: Date;
  readonly stack: string;
  readonly hosts: Readonly<Record<string, HostState | Unreachable>>;
  /** By cluster. */
  readonly messages: Readonly<Record<string, Held>>;
  /** Number of resources in the engine's state of the stack. */
  readonly resources: number;
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly config: string;
  /** The deduplication window, in seconds. */
  readonly windowSeconds: number;
}

/** Messages by queue; or why that is unknown, and whether there may be any because a member's host is not bare. */
export type Held =
  | { readonly queues: Readonly<Record<string, number>> }
  | { readonly why: string; readonly mayHold: boolean };

/** What a backup offers. */
export interface Offer {
  readonly manifest: Manifest;
  /** Number of resources in its state. */
  readonly resources: number;
  /** The state has outputs that outlive the hosts. */
  readonly hasLasting: boolean;
  /** Objects that the config doesn't declare, by cluster. */
  readonly objects: Readonly<Record<string, readonly string[]>>;
}

export interface RestoreOptions {
  readonly messagesToo: boolean;
  /** Mode of an interrupted restore, which continues in the same mode. */
  readonly begunAs?: Mode | undefined;
}

export interface JournalPlan {
  readonly host: string;
  readonly put: boolean;
  readonly isRunning: boolean;
}

export interface RestorePlan {
  readonly mode: Mode;
  /** `lasting`: import only the outputs that outlive hosts. `keep`: import nothing. */
  readonly state: "whole" | "lasting" | "keep";
  readonly journals: readonly JournalPlan[];
  readonly clusters: readonly string[];
  /** The actions as text, one a line. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
  /** Why the restore is refused. */
  readonly refusals: readonly { readonly what: string; readonly remedy: string }[];
}

/** Decides what a restore does. Pure. */
export function planRestore({ manifest, ...offer }: Offer, here: Here, options: RestoreOptions): RestorePlan {
  const hosts = Object.entries(here.hosts).map(([name, state]) => ({ name, state }));
  const mode = options.begunAs ?? (hosts.every(({ state }) => "isBare" in state && state.isBare) ? "bare" : "standing");
  const state = stateOf(mode, offer, here);
  const journals = manifest.parts.flatMap(({ kind, of }): JournalPlan[] => {
    const host = kind === "journal" ? here.hosts[of] : undefined;
    if (!host || "unreachable" in host) return [];
    return [{ host: of, put: host.journalFiles === 0, isRunning: host.dispatcher === "active" }];
  });
  const clusters = manifest.parts.flatMap(({ kind, of }) => (kind === "definitions" && offer.objects[of] ? [of] : []));
  return {
    ...{ mode, state, journals, clusters },
    lines: [
      hostsLine(mode, hosts),
      stateLine(state, manifest),
      ...journals.map((journal) => journalLine(journal, manifest, here)),
      ...clusters.map((cluster) => objectsLine(cluster, offer.objects[cluster] ?? [])),
    ],
    warnings: [...missingParts(manifest, here), ...differences(manifest, here)],
    refusals: [
      ...wrongStack(manifest, here),
      ...silentHosts(here),
      ...(options.messagesToo || options.begunAs ? [] : heldMessages(here)),
    ],
  };
}

function stateOf(mode: Mode, offer: Omit<Offer, "manifest">, here: Here): RestorePlan["state"] {
  if (mode === "bare") return offer.hasLasting ? "lasting" : "keep";
  // An existing state is newer than any backup.
  return here.resources > 0 || offer.resources === 0 ? "keep" : "whole";
}

function hostsLine(mode: Mode, hosts: readonly { name: string; state: HostState | Unreachable }[]): string {
  if (mode === "bare") return `${hosts.length} hosts, all bare: \`up\` installs everything`;
  const bare = hosts.flatMap(({ name, state }) => ("isBare" in state && state.isBare ? [name] : []));
  const which = bare.length > 0 ? `, bare: ${bare.join(" ")}` : ", none of them bare";
  return `${hosts.length} hosts${which}: \`up\` brings them in line with the config`;
}

function stateLine(state: RestorePlan["state"], manifest: Manifest): string {
  if (state === "keep") return "the engine's current state is kept";
  const of = `the engine's state of ${timeText(manifest.createdAt)}`;
  return state === "whole" ? `${of} is imported` : `only the CA and its certificates are imported from ${of}`;
}

function journalLine({ host, put, isRunning }: JournalPlan, { parts }: Manifest, here: Here): string {
  if (!put) return `the dispatcher of ${host} has a journal already, which is kept`;
  const part = parts.find(({ kind, of }) => kind === "journal" && of === host);
  const age = here.now.getTime() - Date.parse(part?.takenAt ?? "");
  const over = age > here.windowSeconds * 1000 ? ", older than the deduplication window and therefore useless" : "";
  const stop = isRunning ? "; the dispatcher is stopped meanwhile" : "";
  return `the journal of ${host}, ${bytesText(part?.bytes ?? 0)}, ${ageText(age)} old${over}, is put back${stop}`;
}

const objectsShown = 8;

function objectsLine(cluster: string, objects: readonly string[]): string {
  if (objects.length === 0) return `${cluster}: nothing to import; the config declares everything`;
  const more = objects.length > objectsShown ? `, … and ${objects.length - objectsShown} more` : "";
  return `${cluster}: ${objects.length} objects that the config doesn't declare are imported: ${objects.slice(0, objectsShown).join(", ")}${more}`;
}

/** Parts that are missing in the backup, and parts that can't be used. */
function missingParts(manifest: Manifest, here: Here): string[] {
  const gone = manifest.parts.filter(({ kind, of }) =>
    kind === "journal" ? !here.hosts[of] : kind === "definitions" && !here.messages[of],
  );
  return [
    ...manifest.missing.map((part) => `missing in the backup: ${partName(part)}: ${part.why}`),
    ...gone.map(
      (part) => `skipped: ${partName(part)}: the config has no such ${part.kind === "journal" ? "host" : "broker"}`,
    ),
  ];
}

function differences(manifest: Manifest, here: Here): string[] {
  const [then, now] = [manifest.fingerprints, here.fingerprints];
  const both = Object.keys(now).filter((path) => then[path] !== undefined);
  const other = both.filter((path) => then[path] !== now[path]);
  const added = Object.keys(now).filter((path) => then[path] === undefined);
  const gone = Object.keys(then).filter((path) => now[path] === undefined);
  return [
    ...(manifest.config === here.config
      ? []
      : ["the stack's config has changed since the backup; the current one is used"]),
    ...(other.length > 0
      ? [`secrets have changed since the backup; the current ones are used: ${other.join(", ")}`]
      : []),
    ...(added.length > 0 ? [`secrets added since the backup: ${added.join(", ")}`] : []),
    ...(gone.length > 0 ? [`secrets removed since the backup: ${gone.join(", ")}`] : []),
  ];
}

function wrongStack(manifest: Manifest, here: Here): RestorePlan["refusals"] {
  if (manifest.stack === here.stack) return [];
  return [{ what: `the backup is of stack ${manifest.stack}`, remedy: `use -s ${manifest.stack}, or another file` }];
}

function silentHosts({ hosts }: Here): RestorePlan["refusals"] {
  return Object.entries(hosts).flatMap(([name, state]) => {
    if (!("unreachable" in state)) return [];
    const remedy = state.refused
      ? `if it was reinstalled, compare its key on its console and set it as warren:hosts.${name}.ssh.hostKey`
      : "start it, or remove it from the config";
    return [{ what: `${name} can't be asked: ${state.unreachable}`, remedy }];
  });
}

function heldMessages({ messages }: Here): RestorePlan["refusals"] {
  return Object.entries(messages).flatMap(([cluster, found]) => {
    if ("why" in found) {
      if (!found.mayHold) return [];
      const remedy = "fix it, or add --yes-over-messages if its messages may be lost";
      return [{ what: `can't find out whether ${cluster} holds messages: ${found.why}`, remedy }];
    }
    const queues = Object.entries(found.queues);
    if (queues.length === 0) return [];
    const text = queues.slice(0, objectsShown).map(([name, count]) => `${name} ${count}`);
    return [
      {
        what: `${cluster} holds messages: ${text.join(", ")}`,
        remedy:
          "check that this is the right stack; let the messages be consumed, or add --yes-over-messages, which deletes none of them",
      },
    ];
  });
}
