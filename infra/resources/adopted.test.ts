import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { configOf, notesPair, notesStack } from "../adopt/fixture-pair.ts";
import { render } from "../commands/command.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { fixtureArtifacts } from "../model/fixture.ts";
import { withHostKeys } from "../model/host-key.ts";
import { buildModel } from "../model/index.ts";
import type { HostDrifts } from "../observe/host-drifts.ts";
import { declareModel } from "./declare.ts";
import { type Kept, type KeptSteps, type PlannedStep, planSteps } from "./plan.ts";
import { bindingId } from "./queues.ts";
import { type Registered, recordRegistrations } from "./recorder.ts";

const config = configOf(notesStack());
const modelOf = (of: StackConfig) => {
  const model = buildModel("old", of, fixtureArtifacts);
  return withHostKeys(model, new Map(model.hosts.map(({ name }) => [name, `ssh-ed25519 KEY-OF-${name}`])));
};
const model = modelOf(config);
const asFound: HostDrifts = new Map(model.hosts.map(({ name }) => [name, new Map()]));
const plan = (drifts: HostDrifts, kept: KeptSteps = {}, of = model) => planSteps(of, drifts, kept, "key", "T1");
const keep = (planned: readonly PlannedStep[]): KeptSteps =>
  Object.fromEntries(planned.map(({ name, kept }): [string, Kept] => [name, kept]));
const created = (planned: readonly PlannedStep[]) =>
  Object.fromEntries(planned.map(({ name, step }) => [name, render(step.create)]));

describe("the steps of adopted services", () => {
  it("do nothing the first time on an unchanged host, and are never removed from it", () => {
    const planned = plan(asFound);
    expect(planned.map(({ name }) => name)).toEqual([
      ...["bunny1", "bunny2"].flatMap((host) => [
        `${host} /etc/rabbitmq/rabbitmq.config`,
        `${host} /etc/rabbitmq/enabled_plugins`,
        `${host} /etc/keepalived/keepalived.conf`,
        `${host} packages`,
        `${host} rabbitmq-server.service`,
        `${host} keepalived.service`,
      ]),
      "bunny1 member of bunny",
      "bunny2 member of bunny",
    ]);
    expect(new Set(Object.values(created(planned)))).toEqual(new Set(["true"]));
    expect(planned.filter(({ step }) => step.remove)).toEqual([]);
  });

  it("are executed on a host that has changed or can't be observed", () => {
    const conf = "/etc/keepalived/keepalived.conf";
    const drifts: HostDrifts = new Map([
      ["bunny1", new Map([[conf, { differences: ["content differs"], mends: [] }]])],
    ]);
    const made = created(plan(drifts));
    expect(made[`bunny1 ${conf}`]).toContain("mv -fT");
    expect(made["bunny1 keepalived.service"]).toBe("true");
    expect(made[`bunny2 ${conf}`]).toContain("mv -fT");
    expect(made["bunny2 member of bunny"]).toContain("join_cluster");
  });

  it("are warren's own, with everything they need, once a service is removed from `adopted`", () => {
    const released = structuredClone(config);
    for (const host of Object.values(released.hosts)) delete host.adopted?.keepalived;
    released.secrets.files = {};
    const own = modelOf(released);
    const keepalived = own.hosts[0]?.files.find(({ path }) => path === "/etc/keepalived/keepalived.conf");
    expect(keepalived?.content).toContain("vrrp_version 3");
    expect(own.hosts[0]?.packages.find(({ name }) => name === "keepalived")).toHaveProperty("series");
    expect(own.hosts[0]?.files.map(({ path }) => path)).toContain("/etc/rabbitmq/rabbitmq.config");
    expect(own.hosts[0]?.units.map(({ name }) => name)).not.toContain("warren-dispatcher.service");
    const planned = plan(asFound, keep(plan(asFound)), own);
    const step = planned.find(({ name }) => name === "bunny1 keepalived.service")?.step;
    expect(step?.remove).toBeDefined();
  });
});

describe("a host that is not adopted any more", () => {
  it("needs the agents' password, which is reported before anything is done", () => {
    const { values, secrets } = notesStack(notesPair(), { passwords: { root: "feeder-password" } });
    expect(() => parseStackConfig({ ...values, secrets }, "old")).not.toThrow();
    const hosts = Object.fromEntries(
      Object.entries(values.hosts as Record<string, object>).map(([name, host]) => [
        name,
        { ...host, adopted: undefined },
      ]),
    );
    const later = { ...values, hosts, secrets: { ...secrets, files: {} } };
    expect(() => parseStackConfig(later, "old")).toThrow(/warren:secrets.passwords.feeder: expected a secret/);
  });

  it("does not need that password while it is adopted", () => {
    const without = configOf(notesStack(notesPair(), { passwords: { root: "feeder-password" } }));
    expect(modelOf(without).hosts[0]?.units.map(({ name }) => name)).toEqual([
      "rabbitmq-server.service",
      "keepalived.service",
    ]);
  });
});

describe("the objects of an adopted broker", () => {
  let checkout: string;
  beforeAll(async () => {
    checkout = mkdtempSync(join(tmpdir(), "warren-adopted-"));
    await mkdir(dirname(join(checkout, config.ssh.privateKeyFile)), { recursive: true });
    await writeFile(join(checkout, config.ssh.privateKeyFile), "KEY");
  });
  afterAll(() => rmSync(checkout, { recursive: true, force: true }));

  async function declared(before: KeptSteps): Promise<Registered[]> {
    const registered = await recordRegistrations();
    const output = declareModel(model, plan(asFound, before), before, checkout, { bunny: "bunny1" });
    await new Promise((resolve) => output.steps.apply(resolve));
    const objects = () => registered.filter(({ type }) => type.startsWith("rabbitmq:"));
    // Objects that depend on others are registered after the output has resolved.
    await vi.waitFor(() => expect(objects().length).toBe(9), { timeout: 8000 });
    return objects();
  }

  it("are imported, except users, whose passwords can't be read back", async () => {
    const ids = (await declared({})).map(({ name, importId }) => [name, importId]);
    expect(Object.fromEntries(ids)).toEqual({
      "bunny user root": "",
      "bunny user feeder": "",
      "bunny user username": "",
      "bunny permissions of feeder": "feeder@/",
      "bunny permissions of username": "username@/",
      "bunny exchange cmc": "cmc@/",
      "bunny queue cmc.wxo": "cmc.wxo@/",
      "bunny binding of cmc.wxo to cmc by exp.dd.notify.#": "%2F/cmc/cmc.wxo/queue/exp.dd.notify.%23",
      "bunny policy ha-all": "ha-all@/",
    });
  });

  it("are created if they are lost later", async () => {
    const later = await declared(keep(plan(asFound)));
    expect(later.filter(({ importId }) => importId !== "")).toEqual([]);
  });
});

describe("the id of a binding", () => {
  it("has the broker's encoding of the key: `~` for an empty one, blanks as `+`, other characters as octets", () => {
    expect(bindingId("/", "a/b", "q%", "")).toBe("%2F/a%2Fb/q%25/queue/~");
    expect(bindingId("/", "x", "q", "v02.a b.*.#~é")).toBe("%2F/x/q/queue/v02.a+b.%2A.%23%7E%C3%A9");
  });
});
