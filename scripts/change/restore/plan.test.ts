import { describe, expect, it } from "vitest";
import type { HostState } from "../backup/journals.ts";
import type { Manifest } from "../backup/manifest.ts";
import { type Here, type Offer, planRestore, type Told } from "./plan.ts";

const takenAt = "2026-01-02T03:00:00.000Z";
const part = (kind: Manifest["parts"][number]["kind"], of: string) => ({ kind, of, bytes: 5000, sha256: "0", takenAt });
const manifest: Manifest = {
  ...{ stack: "op", createdAt: takenAt, by: "root@vm", config: "a", missing: [] },
  versions: { warren: "0.1.0", engine: "3.259.0", brokers: {} },
  parts: [part("definitions", "bunny"), part("journal", "bunny1"), part("journal", "bunny2"), part("state", "op")],
  fingerprints: { "secrets.erlangCookie": "1", "secrets.passwords.root": "2" },
};
const offer: Offer = {
  manifest,
  resources: 80,
  hasLasting: true,
  objects: { bunny: ["queue q_client", "user partner"] },
};
const bare: HostState = { isBare: true, dispatcher: "inactive", journalFiles: 0 };
const standing: HostState = { isBare: false, dispatcher: "active", journalFiles: 3 };
const here: Here = {
  ...{ now: new Date("2026-01-02T04:00:00Z"), stack: "op", resources: 0, config: "a", windowSeconds: 7200 },
  hosts: { bunny1: bare, bunny2: bare },
  messages: { bunny: { why: "connect ECONNREFUSED", mayHold: false } },
  fingerprints: manifest.fingerprints,
};
const told: Told = { messagesToo: false };
const standingHere = {
  ...here,
  hosts: { bunny1: standing, bunny2: standing },
  messages: { bunny: { queues: {} } },
  resources: 80,
};

describe("the plan of a restore", () => {
  it("on bare hosts: of the state what outlives hosts, all journals, one up, what the config doesn't declare", () => {
    const plan = planRestore(offer, here, told);
    expect(plan).toMatchObject({ mode: "bare", state: "lasting", clusters: ["bunny"], warnings: [], refusals: [] });
    expect(plan.journals).toEqual([
      { host: "bunny1", put: true, isRunning: false },
      { host: "bunny2", put: true, isRunning: false },
    ]);
    expect(plan.lines).toEqual([
      "2 hosts, all bare: `up` makes everything on them",
      "of the engine's state of 2026-01-02 03:00:00 UTC the CA and its certificates are imported",
      "the journal of bunny1, 5.0 kB, 60 minutes old, is put back",
      "the journal of bunny2, 5.0 kB, 60 minutes old, is put back",
      "bunny: 2 objects that the config doesn't declare are imported: queue q_client, user partner",
    ]);
  });

  it("leaves a journal that is there, and stops a dispatcher only for one that comes", () => {
    const hosts = { bunny1: standing, bunny2: { ...standing, journalFiles: 0 } };
    const plan = planRestore(offer, { ...standingHere, hosts }, told);
    expect(plan.journals).toEqual([
      { host: "bunny1", put: false, isRunning: true },
      { host: "bunny2", put: true, isRunning: true },
    ]);
    expect(plan.lines[3]).toContain("is put back; the dispatcher is stopped for it");
  });

  it("takes the state only where there is none and hosts stand", () => {
    expect(planRestore(offer, standingHere, told)).toMatchObject({ mode: "standing", state: "keep" });
    expect(planRestore(offer, { ...standingHere, resources: 0 }, told)).toMatchObject({ state: "whole" });
    const mixed = { ...standingHere, hosts: { bunny1: standing, bunny2: bare } };
    expect(planRestore(offer, mixed, told).lines[0]).toBe(
      "2 hosts, bare: bunny2: `up` brings them to what the config says",
    );
  });

  it("goes on as it began, on hosts that are half made and brokers that have messages by now", () => {
    const later = { ...standingHere, messages: { bunny: { queues: { "cmc.urp.input": 7 } } } };
    expect(planRestore(offer, later, { ...told, begunAs: "bare" })).toMatchObject({ mode: "bare", refusals: [] });
  });

  it("says a journal that is older than the window", () => {
    const plan = planRestore(offer, { ...here, windowSeconds: 600 }, told);
    expect(plan.lines[2]).toContain("older than the window: it says nothing any more");
  });
});

describe("a restore is refused", () => {
  const refusals = (there: Partial<Here>, more: Partial<Told> = {}) =>
    planRestore(offer, { ...standingHere, ...there }, { ...told, ...more }).refusals.map(({ what }) => what);

  it("over messages, unless that is said", () => {
    const messages = { bunny: { queues: { "cmc.urp.input": 7 } } };
    expect(refusals({ messages })).toEqual(["bunny holds messages: cmc.urp.input 7"]);
    expect(refusals({ messages }, { messagesToo: true })).toEqual([]);
  });

  it("where a broker stands that doesn't say what it holds, unless that is said", () => {
    const messages = { bunny: { why: "bunny1: no answer within 2 s", mayHold: true } };
    expect(refusals({ messages })).toEqual([
      "whether bunny holds messages can't be told: bunny1: no answer within 2 s",
    ]);
    expect(refusals({ messages }, { messagesToo: true })).toEqual([]);
  });

  it("of another stack's backup", () => {
    expect(refusals({ stack: "dev" })).toEqual(["the backup is one of stack op"]);
  });

  it("where a host can't be asked, with the way out where its key is another", () => {
    const hosts = {
      bunny1: standing,
      bunny2: { unreachable: "Host key verification failed.", refused: "other" as const },
    };
    const [refusal] = planRestore(offer, { ...standingHere, hosts } as unknown as Here, told).refusals;
    expect(refusal?.what).toBe("bunny2 can't be asked: Host key verification failed.");
    expect(refusal?.remedy).toContain("warren:hosts.bunny2.ssh.hostKey");
  });
});

describe("a restore warns", () => {
  it("of what the backup lacks, of another config, of secrets that differ, by name and not by value", () => {
    const poor = { ...manifest, missing: [{ kind: "journal" as const, of: "bunny3", why: "no route to host" }] };
    const there = {
      ...here,
      config: "b",
      fingerprints: { "secrets.erlangCookie": "other", "secrets.deliveryKey": "3" },
    };
    expect(planRestore({ ...offer, manifest: poor }, there, told).warnings).toEqual([
      "the backup lacks journal of bunny3: no route to host",
      "the stack's config is another one than at the backup: the one of now counts",
      "secrets that differ from the backup's, those of now count: secrets.erlangCookie",
      "secrets that the backup doesn't know: secrets.deliveryKey",
      "secrets that the config has no more: secrets.passwords.root",
    ]);
  });

  it("of a host and a broker that the config has no more", () => {
    const there = { ...here, hosts: { bunny1: bare }, messages: {} };
    expect(planRestore({ ...offer, objects: {} }, there, told).warnings).toEqual([
      "definitions of bunny is left out: the config has no such broker",
      "journal of bunny2 is left out: the config has no such host",
    ]);
  });
});
