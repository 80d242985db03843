import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureConfig, fixtureModel, fixtureSecrets } from "../model/fixture.ts";
import { withHostKeys } from "../model/host-key.ts";
import type { Inventory } from "../observe/gone-hosts.ts";
import { declareModel } from "./declare.ts";
import { type Kept, type KeptSteps, planSteps } from "./plan.ts";
import { type Registered, recordRegistrations } from "./recorder.ts";

// Resources as registered with Pulumi's mocks. They show neither what a provider does with them nor the resulting state; the engine's own
// tests and the lab do.

const config = fixtureConfig();
const bare = fixtureModel(config);
const model = withHostKeys(bare, new Map(bare.hosts.map(({ name }) => [name, `ssh-ed25519 KEY-OF-${name}`])));
const planned = planSteps(model, new Map(), {}, config.secrets.erlangCookie, "T1");
const privateKey = "PRIVATE-KEY-OF-THE-TESTS";
const secretWords = [fixtureSecrets.erlangCookie, ...Object.values(fixtureSecrets.passwords), privateKey];

let checkout: string;
let all: Registered[];
let kept: KeptSteps;
let inventory: Inventory;

beforeAll(async () => {
  checkout = mkdtempSync(join(tmpdir(), "warren-declare-"));
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(checkout, path)), { recursive: true });
    await writeFile(join(checkout, path), text);
  };
  await put(config.ssh.privateKeyFile, privateKey);
  ({ all, kept } = await declared({}));
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** Declares the fixture's model. @param before what the last run recorded @param failing name of a resource whose creation fails */
async function declared(
  before: KeptSteps,
  failing?: string,
  steps = planned,
): Promise<{ all: Registered[]; kept: KeptSteps }> {
  const { stackTraceLimit } = Error;
  // As in the program, see lean-sdk.ts: with complete stack traces of the SDK's promises these tests take twice the processor time.
  Error.stackTraceLimit = 1;
  try {
    const registered = await recordRegistrations(failing);
    const output = declareModel(model, steps, before, checkout, { bunny: "bunny2" });
    const outputs = await new Promise<KeptSteps>((resolve) => output.steps.apply(resolve));
    inventory = await new Promise<Inventory>((resolve) => output.inventory.apply(resolve));
    return { all: registered, kept: outputs };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const commandType = "command:remote:Command";
const commands = () => all.filter((one) => one.type === commandType);
function named(name: string): Registered {
  const found = all.filter((one) => one.name === name);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} resources are called ${name}`);
  return found[0];
}
const texts = (one: Registered) =>
  [one.inputs.create, one.inputs.update, one.inputs.delete].filter((text) => typeof text === "string");

describe("every step of the model", () => {
  it("is registered once, as a command under its host", () => {
    expect(
      commands()
        .map((one) => one.name)
        .toSorted(),
    ).toEqual(planned.map((step) => step.name).toSorted());
    for (const { name, host } of planned) expect(named(name).parent).toBe(host);
  });

  it("depends on the steps that it names, and on its copy", () => {
    const names = new Set(planned.map((one) => one.name));
    for (const { host, step, name } of planned) {
      const after = step.after.map((other) => (names.has(`${host} ${other}`) ? `${host} ${other}` : other));
      const { dependencies } = named(name);
      for (const other of after) expect(dependencies, `${name} after ${other}`).toContain(other);
      if (step.copy) expect(dependencies).toContain(`${name} copy`);
    }
  });

  it("is renewed by a change of its notes, and never created a second time", () => {
    for (const step of planned) {
      const one = named(step.name);
      const { create, update } = one.inputs;
      expect(update ?? create).toContain(`# content ${step.kept.digest}\n`);
      if (update === undefined) continue;
      expect(create).not.toContain("# content");
      expect(one.ignoreChanges).toEqual(["create"]);
    }
  });

  it("has one script if it is renewed as it is created", () => {
    expect(named("pds-4 /etc/hosts").inputs).not.toHaveProperty("update");
    expect(named("pds-4 /etc/hosts").ignoreChanges).toEqual([]);
    expect(named("bunny1 keepalived.service").inputs).toHaveProperty("update");
    const both = commands().filter((one) => "update" in one.inputs);
    expect(both.length).toBeLessThan(commands().length / 2);
  });

  it("copies programs to where no stranger can write: the login's home", () => {
    const copies = planned.flatMap(({ name, step }) => (step.copy ? [named(`${name} copy`)] : []));
    expect(copies.length).toBeGreaterThan(0);
    for (const { inputs } of copies) expect(inputs.remotePath).toMatch(/^\.warren-[\w-]+(\.zst)?$/);
  });

  it("writes nothing to the engine's log, and doesn't pass its output to the next run", () => {
    for (const one of commands()) {
      expect(one.inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
      expect(one.inputs).not.toHaveProperty("triggers");
      expect(one.inputs).not.toHaveProperty("environment");
    }
  });

  it("has no placeholders left in its scripts", () => {
    for (const text of commands().flatMap(texts)) expect(text).not.toMatch(/\{(candidate|digest)\}|undefined/);
  });

  it("runs as root with a time limit, through sudo for other logins", () => {
    const users = new Map(model.hosts.map((host) => [host.name, host.connection.user]));
    for (const { name, host } of planned) {
      const prefix = users.get(host) === "root" ? "timeout --kill-after=5 " : "sudo -n timeout --kill-after=5 ";
      for (const text of texts(named(name))) {
        expect(text.replaceAll(/^#.*\n/gm, "").slice(0, prefix.length), name).toBe(prefix);
      }
    }
    expect(new Set(users.values())).toEqual(new Set(["root", "ops"]));
  });
});

describe("a connection", () => {
  it("is one secret, for commands and copies", () => {
    const remote = all.filter((one) => one.type.startsWith("command:remote:"));
    expect(remote.length).toBeGreaterThan(commands().length);
    for (const one of remote) expect(one.secrets, one.name).toContain("connection");
  });

  it("pins the host's key and gives up early", () => {
    expect(named("pds-4 /etc/hosts").inputs.connection).toEqual({
      host: "10.203.0.34",
      port: 22,
      user: "ops",
      privateKey,
      hostKey: "ssh-ed25519 KEY-OF-pds-4",
      dialErrorLimit: 2,
      perDialTimeout: 3,
    });
  });

  it("uses the configured jump host with that host's own key", () => {
    const proxies = planned
      .map(({ name }) => named(name))
      .filter((one) => "proxy" in (one.inputs.connection as object));
    expect(new Set(proxies.map((one) => one.parent))).toEqual(new Set(["pds-5"]));
    expect(proxies[0]?.inputs.connection).toMatchObject({
      host: "10.203.0.35",
      hostKey: "ssh-ed25519 KEY-OF-pds-5",
      proxy: { host: "10.203.0.11", user: "root", hostKey: "ssh-ed25519 KEY-OF-urp-1" },
    });
  });
});

describe("a secret", () => {
  it("is only in secret inputs, and in no name", () => {
    for (const one of all) {
      const open = Object.entries(one.inputs).filter(([key]) => !one.secrets.includes(key));
      const text = JSON.stringify([one.name, Object.fromEntries(open)]);
      for (const word of secretWords) expect(text.includes(word), `${one.name} shows ${word}`).toBe(false);
    }
  });

  it("goes to hosts by standard input, which is secret only for secret files, so that others show a diff", () => {
    for (const host of model.hosts) {
      for (const file of host.files) {
        const one = named(`${host.name} ${file.path}`);
        expect(one.inputs.stdin).toBe(file.content);
        expect(one.secrets.includes("stdin"), one.name).toBe(file.secret);
      }
    }
  });

  it("is not in the stack's records", () => {
    expect(kept).toEqual(Object.fromEntries(planned.map((step) => [step.name, step.kept])));
    for (const word of secretWords) expect(JSON.stringify(kept)).not.toContain(word);
  });
});

describe("the objects of a broker", () => {
  const objects = () => all.filter((one) => one.type.startsWith("rabbitmq:"));
  const names = (type: string) => objects().flatMap((one) => (one.type === type ? [one.name] : []));

  it("are users with permissions, exchanges and the policy, but not the agents' queues", () => {
    const of = (broker: string, what: string, ...objects: string[]) =>
      objects.map((object) => `${broker} ${what} ${object}`);
    expect(names("rabbitmq:index/user:User").toSorted()).toEqual([
      ...of("bunny", "user", "anonymous", "feeder", "guest", "michel", "noc"),
      ...of("wxo-b1", "user", "anonymous", "bridge", "feeder", "guest", "queue-manager", "receiver", "sender"),
      ...of("wxo-b1", "user", "watcher"),
    ]);
    expect(names("rabbitmq:index/permissions:Permissions").toSorted()).toEqual([
      ...of("bunny", "permissions of", "anonymous", "feeder", "michel", "noc"),
      ...of("wxo-b1", "permissions of", "anonymous", "bridge", "feeder", "queue-manager", "receiver", "sender"),
      ...of("wxo-b1", "permissions of", "watcher"),
    ]);
    expect(names("rabbitmq:index/topicPermissions:TopicPermissions").toSorted()).toEqual(
      of("wxo-b1", "topic permissions of", "bridge", "receiver", "sender", "watcher"),
    );
    expect(names("rabbitmq:index/exchange:Exchange").toSorted()).toEqual([
      ...of("bunny", "exchange", "cmc", "xpublic"),
      ...of("wxo-b1", "exchange", "cmc", "xpublic", "xs_sr3"),
    ]);
    expect(named("bunny policy ha-all").inputs).toMatchObject({
      vhost: "/",
      policy: { pattern: "^cmc\\.", definition: { "ha-mode": "all" } },
    });
    expect(names("rabbitmq:index/operatorPolicy:OperatorPolicy")).toEqual([
      "wxo-b1 operator policy outsiders",
      "bunny operator policy outsiders",
    ]);
    expect(names("rabbitmq:index/binding:Binding")).toHaveLength(6);
    expect(named("wxo-b1 binding of exchange xpublic to cmc by v03.#").inputs).toMatchObject({
      ...{ source: "cmc", destination: "xpublic", destinationType: "exchange", routingKey: "v03.#" },
    });
    expect(objects()).toHaveLength(42);
  });

  it("leave guest without permissions and without a tag", () => {
    expect(named("bunny user guest").inputs).toMatchObject({ name: "guest", tags: [] });
  });

  it("depend on every member", () => {
    const members = {
      bunny: ["bunny1 rabbitmq-server.service", "bunny2 rabbitmq-server.service", "bunny2 member of bunny"],
      "wxo-b1": ["wxo-b1 rabbitmq-server.service", "wxo-b1 member of wxo-b1"],
    };
    for (const [cluster, steps] of Object.entries(members)) {
      for (const one of objects().filter(({ name }) => name.startsWith(`${cluster} `))) {
        expect(one.dependencies, one.name).toEqual(expect.arrayContaining(steps));
      }
    }
  });

  it.each([
    ["bunny", /^(urp|bunny|pds)|auditor/],
    ["wxo-b1", /^(px(?!.*(auditor|monitor|page))|wxo|client)/],
  ])("of %s come only before the agents that need them", (cluster, units) => {
    const waiting = commands().filter((one) => one.dependencies.includes(`${cluster} exchange cmc`));
    const limits = waiting.findIndex(({ name }) => name.endsWith(` limits of ${cluster}`));
    expect(waiting.splice(limits, 1)[0]?.dependencies).toContain(`${cluster} user anonymous`);
    const agents = planned.filter(
      ({ name, step }) => units.test(name) && /^warren-(?!firewall|vip).*\.service$/.test(step.name),
    );
    expect(agents.length).toBeGreaterThan(4);
    expect(waiting.map((one) => one.name).toSorted()).toEqual(agents.map(({ name }) => name).toSorted());
    const isOwn = ({ name }: Registered) => name.startsWith(`${cluster} `);
    for (const one of waiting) {
      const needed = one.dependencies.filter((name) => objects().some((object) => object.name === name));
      expect(needed.toSorted()).toEqual(
        objects()
          .filter(isOwn)
          .map(({ name }) => name)
          .toSorted(),
      );
    }
  });

  it("are created through the member that answered, with the administrator's password as a secret", () => {
    const providers = all.filter((one) => one.type === "pulumi:providers:rabbitmq");
    expect(providers.map((one) => [one.inputs.endpoint, one.inputs.username, one.secrets])).toEqual([
      ["https://10.203.0.22:15671", "root", ["password"]],
      ["https://10.203.0.61:15671", "root", ["password"]],
    ]);
  });
});

describe("a step that fails", () => {
  it("keeps its previous record, as do steps that depend on it: the next run executes them", async () => {
    const old: Kept = { digest: "0000000000000000", repair: "" };
    const before = { "pds-1 /etc/warren/puller.json": old, "pds-2 /etc/warren/puller.json": old };
    const after = await withoutRejections(() => declared(before, "pds-1 /etc/warren/puller.json"));
    expect(after.kept["pds-1 /etc/warren/puller.json"]).toEqual(old);
    expect(after.kept).not.toHaveProperty(["pds-1 warren-puller.service"]);
    expect(after.kept["pds-2 /etc/warren/puller.json"]).toEqual(kept["pds-2 /etc/warren/puller.json"]);
    expect(after.kept["pds-2 warren-puller.service"]).toEqual(kept["pds-2 warren-puller.service"]);
  });

  it.each([
    ["puller", "pds-1", "pds-2"],
    ["dispatcher", "bunny2", "bunny1"],
  ])(
    "stops the rollout of the %s's program and config to later hosts, except at the first deployment",
    async (agent, one, next) => {
      const asked = new Map(model.hosts.map(({ name }) => [name, new Map()]));
      const again = planSteps(model, asked, kept, config.secrets.erlangCookie, "T2");
      const failing = `${one} warren-${agent}.service`;
      const ofNext = `${next} /opt/warren/agents/${agent}.mjs`;
      const names = (await withoutRejections(() => declared(kept, failing, again))).all.map(({ name }) => name);
      expect(names).toContain(`${one} /opt/warren/agents/${agent}.mjs`);
      expect(names).not.toContain(ofNext);
      expect(names).not.toContain(`${ofNext} copy`);
      expect(names).toContain(`${one} /etc/warren/${agent}.json`);
      expect(names).not.toContain(`${next} /etc/warren/${agent}.json`);
      expect(named(ofNext).dependencies).not.toContain(failing);
    },
  );
});

/** Promises that wait for a failed resource reject too, by the SDK's design; `infra/index.ts` ignores these rejections. */
async function withoutRejections<T>(work: () => Promise<T>): Promise<T> {
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", () => {});
  try {
    return await work();
  } finally {
    // The last rejections are reported after another turn of the event loop.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
}

it("a later run waits for turns without dependencies that the state would have to get", async () => {
  const asked = new Map(model.hosts.map(({ name }) => [name, new Map()]));
  const again = planSteps(model, asked, kept, config.secrets.erlangCookie, "T2");
  expect(again.filter(({ turn }) => turn).length).toBeGreaterThan(20);
  const dependencies = (registered: Registered[]) =>
    Object.fromEntries(registered.map((one) => [`${one.type} ${one.name}`, one.dependencies.toSorted()]));
  const later = (await declared(kept, undefined, again)).all;
  expect(dependencies(later)).toEqual(dependencies(all));
  const at = (name: string) => later.findIndex((one) => one.name === name);
  expect(at("pds-1 warren-puller.service")).toBeLessThan(at("pds-2 /opt/warren/agents/puller.mjs copy"));
});

describe("what is recorded for a run without a host or a cluster", () => {
  it("is each host's steps in the order in which they depend on each other", () => {
    for (const { name } of model.hosts) {
      const steps = inventory.hosts[name]?.steps ?? [];
      expect(steps.toSorted()).toEqual(
        planned
          .filter((step) => step.host === name)
          .map((step) => step.name)
          .toSorted(),
      );
      for (const [index, step] of steps.entries()) {
        const later = named(step).dependencies.filter((other) => steps.indexOf(other) > index);
        expect(later, step).toEqual([]);
      }
      const copies = all.filter((one) => one.type === "command:remote:CopyToRemote" && one.parent === name);
      expect(inventory.hosts[name]?.copies.toSorted()).toEqual(copies.map((one) => one.name).toSorted());
      expect(inventory.hosts[name]?.connection.hostKey).toBe(`ssh-ed25519 KEY-OF-${name}`);
    }
  });

  it("is the type and name of each of a cluster's objects, and the host that they go with", () => {
    const { host, objects = [] } = inventory.clusters.bunny ?? {};
    expect(host).toBe("bunny1");
    const registered = all.filter(({ type, name }) => type.startsWith("rabbitmq:") && name.startsWith("bunny "));
    expect(objects.map(([, name]) => name).toSorted()).toEqual(registered.map(({ name }) => name).toSorted());
    for (const [type, name] of objects) expect(named(name).type).toBe(type);
  });
});
