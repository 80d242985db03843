import { describe, expect, it } from "vitest";
import type { HostState } from "../backup/journals.ts";
import type { Manifest } from "../backup/manifest.ts";
import { type Here, type Offer, planRestore, type RestoreOptions } from "./plan.ts";

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
const options: RestoreOptions = { messagesToo: false };
const standingHere = {
  ...here,
  hosts: { bunny1: standing, bunny2: standing },
  messages: { bunny: { queues: {} } },
  resources: 80,
};

describe("the plan of a restore", () => {
  it("on bare hosts: the lasting part of the state, all journals, one up, the definitions that the config doesn't declare", () => {
    const plan = planRestore(offer, here, options);
    expect(plan).toMatchObject({ mode: "bare", state: "lasting", clusters: ["bunny"], warnings: [], refusals: [] });
    expect(plan.journals).toEqual([
      { host: "bunny1", put: true, isRunning: false },
      { host: "bunny2", put: true, isRunning: false },
    ]);
    expect(plan.lines).toEqual([
      "2 hosts, all bare: `up` installs everything",
      "only the CA and its certificates are imported from the engine's state of 2026-01-02 03:00:00 UTC",
      "the journal of bunny1, 5.0 kB, 60 minutes old, is put back",
      "the journal of bunny2, 5.0 kB, 60 minutes old, is put back",
      "bunny: 2 objects that the config doesn't declare are imported: queue q_client, user partner",
    ]);
  });

  it("keeps an existing journal, and stops a dispatcher only to put a journal back", () => {
    const hosts = { bunny1: standing, bunny2: { ...standing, journalFiles: 0 } };
    const plan = planRestore(offer, { ...standingHere, hosts }, options);
    expect(plan.journals).toEqual([
      { host: "bunny1", put: false, isRunning: true },
      { host: "bunny2", put: true, isRunning: true },
    ]);
    expect(plan.lines[3]).toContain("is put back; the dispatcher is stopped meanwhile");
  });

  it("imports the complete state only on standing hosts without a state", () => {
    expect(planRestore(offer, standingHere, options)).toMatchObject({ mode: "standing", state: "keep" });
    expect(planRestore(offer, { ...standingHere, resources: 0 }, options)).toMatchObject({ state: "whole" });
    const mixed = { ...standingHere, hosts: { bunny1: standing, bunny2: bare } };
    expect(planRestore(offer, mixed, options).lines[0]).toBe(
      "2 hosts, bare: bunny2: `up` brings them in line with the config",
    );
  });

  it("continues in its original mode, on half-installed hosts and with brokers that hold messages by now", () => {
    const later = { ...standingHere, messages: { bunny: { queues: { "cmc.urp.input": 7 } } } };
    expect(planRestore(offer, later, { ...options, begunAs: "bare" })).toMatchObject({ mode: "bare", refusals: [] });
  });

  it("marks a journal that is older than the deduplication window", () => {
    const plan = planRestore(offer, { ...here, windowSeconds: 600 }, options);
    expect(plan.lines[2]).toContain("older than the deduplication window and therefore useless");
  });
});

describe("a restore is refused", () => {
  const refusals = (there: Partial<Here>, more: Partial<RestoreOptions> = {}) =>
    planRestore(offer, { ...standingHere, ...there }, { ...options, ...more }).refusals.map(({ what }) => what);

  it("if a broker holds messages, unless the user allows it", () => {
    const messages = { bunny: { queues: { "cmc.urp.input": 7 } } };
    expect(refusals({ messages })).toEqual(["bunny holds messages: cmc.urp.input 7"]);
    expect(refusals({ messages }, { messagesToo: true })).toEqual([]);
  });

  it("if a broker that may hold messages doesn't answer, unless the user allows it", () => {
    const messages = { bunny: { why: "bunny1: no answer within 2 s", mayHold: true } };
    expect(refusals({ messages })).toEqual([
      "can't find out whether bunny holds messages: bunny1: no answer within 2 s",
    ]);
    expect(refusals({ messages }, { messagesToo: true })).toEqual([]);
  });

  it("for another stack's backup", () => {
    expect(refusals({ stack: "dev" })).toEqual(["the backup is of stack op"]);
  });

  it("if a host can't be asked, with a remedy if its key has changed", () => {
    const hosts = {
      bunny1: standing,
      bunny2: { unreachable: "Host key verification failed.", refused: "other" as const },
    };
    const [refusal] = planRestore(offer, { ...standingHere, hosts } as unknown as Here, options).refusals;
    expect(refusal?.what).toBe("bunny2 can't be asked: Host key verification failed.");
    expect(refusal?.remedy).toContain("warren:hosts.bunny2.ssh.hostKey");
  });
});

describe("a restore warns", () => {
  it("of missing parts, a changed config, and changed secrets, by name and not by value", () => {
    const poor = { ...manifest, missing: [{ kind: "journal" as const, of: "bunny3", why: "no route to host" }] };
    const there = {
      ...here,
      config: "b",
      fingerprints: { "secrets.erlangCookie": "other", "secrets.deliveryKey": "3" },
    };
    expect(planRestore({ ...offer, manifest: poor }, there, options).warnings).toEqual([
      "missing in the backup: journal of bunny3: no route to host",
      "the stack's config has changed since the backup; the current one is used",
      "secrets have changed since the backup; the current ones are used: secrets.erlangCookie",
      "secrets added since the backup: secrets.deliveryKey",
      "secrets removed since the backup: secrets.passwords.root",
    ]);
  });

  it("of a host and a broker that are no longer in the config", () => {
    const there = { ...here, hosts: { bunny1: bare }, messages: {} };
    expect(planRestore({ ...offer, objects: {} }, there, options).warnings).toEqual([
      "skipped: definitions of bunny: the config has no such broker",
      "skipped: journal of bunny2: the config has no such host",
    ]);
  });
});
