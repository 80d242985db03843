import type { Unreachable } from "../../../infra/hosts/ask.ts";
import { ageText } from "../../engine/stack-lock.ts";
import type { HostState } from "../backup/journals.ts";
import { type Manifest, partName } from "../backup/manifest.ts";
import { bytesText, timeText } from "../backup/report.ts";

/** `bare`: nothing of warren's is on any host. `standing`: hosts are there, more or less as `up` left them. */
export type Mode = "bare" | "standing";

/** What is there now. */
export interface Here {
  readonly now: Date;
  readonly stack: string;
  readonly hosts: Readonly<Record<string, HostState | Unreachable>>;
  /** By cluster. */
  readonly messages: Readonly<Record<string, Held>>;
  /** Of the engine's state of the stack. */
  readonly resources: number;
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly config: string;
  /** Seconds for which dispatchers remember. */
  readonly windowSeconds: number;
}

/** Messages by queue; or why that can't be told, and whether a member's host stands, so that there may be some. */
export type Held =
  | { readonly queues: Readonly<Record<string, number>> }
  | { readonly why: string; readonly mayHold: boolean };

/** What of a backup goes where. */
export interface Offer {
  readonly manifest: Manifest;
  /** Resources of the state in it. */
  readonly resources: number;
  /** The state has what outlives hosts. */
  readonly hasLasting: boolean;
  /** By cluster: objects that the config doesn't declare. */
  readonly objects: Readonly<Record<string, readonly string[]>>;
}

export interface Told {
  readonly messagesToo: boolean;
  /** Of a restore that was broken off, which goes on as it began. */
  readonly begunAs?: Mode | undefined;
}

export interface JournalPlan {
  readonly host: string;
  readonly put: boolean;
  readonly isRunning: boolean;
}

export interface RestorePlan {
  readonly mode: Mode;
  /** `lasting`: of the state only what outlives hosts. `keep`: what is here stays. */
  readonly state: "whole" | "lasting" | "keep";
  readonly journals: readonly JournalPlan[];
  readonly clusters: readonly string[];
  /** Each a line for the person who is asked. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
  /** Why it can't be done so. */
  readonly refusals: readonly { readonly what: string; readonly remedy: string }[];
}

/** Decides what a restore does. Pure. */
export function planRestore({ manifest, ...offer }: Offer, here: Here, told: Told): RestorePlan {
  const hosts = Object.entries(here.hosts).map(([name, state]) => ({ name, state }));
  const mode = told.begunAs ?? (hosts.every(({ state }) => "isBare" in state && state.isBare) ? "bare" : "standing");
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
    warnings: [...lacks(manifest, here), ...differences(manifest, here)],
    refusals: [
      ...wrongStack(manifest, here),
      ...silentHosts(here),
      ...(told.messagesToo || told.begunAs ? [] : heldMessages(here)),
    ],
  };
}

function stateOf(mode: Mode, offer: Omit<Offer, "manifest">, here: Here): RestorePlan["state"] {
  if (mode === "bare") return offer.hasLasting ? "lasting" : "keep";
  // What is here is newer than any backup.
  return here.resources > 0 || offer.resources === 0 ? "keep" : "whole";
}

function hostsLine(mode: Mode, hosts: readonly { name: string; state: HostState | Unreachable }[]): string {
  if (mode === "bare") return `${hosts.length} hosts, all bare: \`up\` makes everything on them`;
  const bare = hosts.flatMap(({ name, state }) => ("isBare" in state && state.isBare ? [name] : []));
  const which = bare.length > 0 ? `, bare: ${bare.join(" ")}` : ", none of them bare";
  return `${hosts.length} hosts${which}: \`up\` brings them to what the config says`;
}

function stateLine(state: RestorePlan["state"], manifest: Manifest): string {
  if (state === "keep") return "the engine's state here stays as it is";
  const of = `the engine's state of ${timeText(manifest.createdAt)}`;
  return state === "whole" ? `${of} is imported` : `of ${of} the CA and its certificates are imported`;
}

function journalLine({ host, put, isRunning }: JournalPlan, { parts }: Manifest, here: Here): string {
  if (!put) return `the dispatcher of ${host} has a journal: it stays as it is`;
  const part = parts.find(({ kind, of }) => kind === "journal" && of === host);
  const age = here.now.getTime() - Date.parse(part?.takenAt ?? "");
  const over = age > here.windowSeconds * 1000 ? ", older than the window: it says nothing any more" : "";
  const stop = isRunning ? "; the dispatcher is stopped for it" : "";
  return `the journal of ${host}, ${bytesText(part?.bytes ?? 0)}, ${ageText(age)} old${over}, is put back${stop}`;
}

const objectsShown = 8;

function objectsLine(cluster: string, objects: readonly string[]): string {
  if (objects.length === 0) return `${cluster}: nothing to import, the config declares all of it`;
  const more = objects.length > objectsShown ? `, … and ${objects.length - objectsShown} more` : "";
  return `${cluster}: ${objects.length} objects that the config doesn't declare are imported: ${objects.slice(0, objectsShown).join(", ")}${more}`;
}

/** What the backup has not, or has for nobody. */
function lacks(manifest: Manifest, here: Here): string[] {
  const gone = manifest.parts.filter(({ kind, of }) =>
    kind === "journal" ? !here.hosts[of] : kind === "definitions" && !here.messages[of],
  );
  return [
    ...manifest.missing.map((part) => `the backup lacks ${partName(part)}: ${part.why}`),
    ...gone.map(
      (part) => `${partName(part)} is left out: the config has no such ${part.kind === "journal" ? "host" : "broker"}`,
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
      : ["the stack's config is another one than at the backup: the one of now counts"]),
    ...(other.length > 0 ? [`secrets that differ from the backup's, those of now count: ${other.join(", ")}`] : []),
    ...(added.length > 0 ? [`secrets that the backup doesn't know: ${added.join(", ")}`] : []),
    ...(gone.length > 0 ? [`secrets that the config has no more: ${gone.join(", ")}`] : []),
  ];
}

function wrongStack(manifest: Manifest, here: Here): RestorePlan["refusals"] {
  if (manifest.stack === here.stack) return [];
  return [{ what: `the backup is one of stack ${manifest.stack}`, remedy: `-s ${manifest.stack}, or another file` }];
}

function silentHosts({ hosts }: Here): RestorePlan["refusals"] {
  return Object.entries(hosts).flatMap(([name, state]) => {
    if (!("unreachable" in state)) return [];
    const remedy = state.refused
      ? `was it installed anew? Compare its key on its console, and say it in warren:hosts.${name}.ssh.hostKey`
      : "bring it up, or take it out of the config";
    return [{ what: `${name} can't be asked: ${state.unreachable}`, remedy }];
  });
}

function heldMessages({ messages }: Here): RestorePlan["refusals"] {
  return Object.entries(messages).flatMap(([cluster, found]) => {
    if ("why" in found) {
      if (!found.mayHold) return [];
      const remedy = "mend it; or, where what it holds may be lost, add --yes-over-messages";
      return [{ what: `whether ${cluster} holds messages can't be told: ${found.why}`, remedy }];
    }
    const queues = Object.entries(found.queues);
    if (queues.length === 0) return [];
    const text = queues.slice(0, objectsShown).map(([name, count]) => `${name} ${count}`);
    return [
      {
        what: `${cluster} holds messages: ${text.join(", ")}`,
        remedy: "is it the right stack? Let them be taken, or add --yes-over-messages: a restore deletes none of them",
      },
    ];
  });
}
