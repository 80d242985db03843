import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { type Command, render } from "../commands/command.ts";
import { fixtureConfig, fixtureModel } from "../model/fixture.ts";
import type { ClusterModel } from "../model/types.ts";
import { hostSteps, limitsSteps, memberSteps } from "./host-steps.ts";

const model = fixtureModel(fixtureConfig());
const stepsOf = (name: string) => {
  const host = model.hosts.find((one) => one.name === name);
  if (!host) throw new TypeError(`no host ${name}`);
  return hostSteps(host, model.clusters);
};
const step = (host: string, name: string) => {
  const found = stepsOf(host).find((one) => one.name === name);
  if (!found) throw new TypeError(`no step ${name} on ${host}`);
  return found;
};

describe("hostSteps", () => {
  it("writes files that the broker's first start reads before its package, and files that a package validates after it", () => {
    const packages = step("bunny1", "packages");
    for (const path of [
      "/var/lib/rabbitmq/.erlang.cookie",
      "/etc/rabbitmq/rabbitmq.config",
      "/etc/apt/preferences.d/warren",
    ]) {
      expect(packages.after).toContain(path);
    }
    expect(step("bunny1", "/etc/keepalived/keepalived.conf").after).toEqual(["packages"]);
    expect(step("bunny1", "/var/lib/rabbitmq/.erlang.cookie").after).toEqual(["accounts and folders"]);
  });

  it("sets a new cookie in the running node before the CLI uses it, without a restart", () => {
    const cookie = step("bunny1", "/var/lib/rabbitmq/.erlang.cookie");
    expect(render(cookie.create)).not.toContain("set_cookie");
    expect(render(cookie.renew)).toMatch(/set_cookie.*mv -fT.*eval ok\./);
    expect(step("bunny1", "rabbitmq-server.service").follows).not.toContain(cookie.name);
  });

  it("removes former members before the firewall blocks them and before the broker restarts", () => {
    const roll = "members of bunny";
    expect(step("bunny1", "/etc/warren/firewall.nft").after).toContain(roll);
    expect(step("bunny1", "rabbitmq-server.service").after).toContain(roll);
    expect(render(step("bunny1", roll).renew)).toMatch(/is-active rabbitmq-server.service.*forget_cluster_node/);
    const found = model.clusters.map((cluster) => ({ ...cluster, found: true }));
    const bunny1 = model.hosts.find((host) => host.name === "bunny1");
    expect(bunny1 && hostSteps(bunny1, found).map((one) => one.name)).not.toContain(roll);
  });

  it("does nothing as root below a folder that others can write to", () => {
    const folders = [
      /\/apps\/px\/\S/,
      /\/apps\/dd\/public\/\S/,
      /\/(var\/lib|etc)\/rabbitmq\/\S/,
      /\/var\/lib\/ldap\/\S/,
    ];
    // These test for a path, print, or change the folder that they have entered, not the target of a name.
    const harmless = [
      /^(test|printf) /,
      /^find \/run\/systemd\/units\/\S+ -newer /,
      /^env --chdir=\S+ find \S+ -mindepth \d+ -maxdepth \d+ -path \S+ -type d .* -samefile \. -exec chown \S+ \. ;$/,
      // A rename into a folder that only root can replace follows no link.
      /^mv -fT \/etc\/\.[\w.-]+ \/etc\/rabbitmq\/[\w.-]+$/,
    ];
    const words = (command: Command): string[][] => {
      if (command.kind === "run") return [[...command.argv, ...(command.output === undefined ? [] : [command.output])]];
      return (command.kind === "join" ? command.commands : [command.command]).flatMap(words);
    };
    const isAs = ([program = "", ...rest]: string[]) =>
      ["setpriv", "runuser"].includes(program) || (program === "timeout" && rest.includes("runuser"));
    const steps = model.hosts.flatMap(({ name }) => stepsOf(name));
    const asRoot = steps
      .flatMap((one) => [one.create, one.renew, one.repair, ...(one.remove ? [one.remove] : [])].flatMap(words))
      .filter((argv) => !isAs(argv) && folders.some((folder) => folder.test(argv.join(" "))))
      .map((argv) => argv.join(" "));
    expect(asRoot.filter((text) => !harmless.some((pattern) => pattern.test(text)))).toEqual([]);
    expect(asRoot.length).toBeGreaterThan(0);
  });

  it("starts brokers one after the other", () => {
    expect(step("bunny1", "rabbitmq-server.service").after).not.toContain("bunny2 rabbitmq-server.service");
    expect(step("bunny2", "rabbitmq-server.service").after).toContain("bunny1 rabbitmq-server.service");
  });

  it("restarts no broker while a package starts the node of another member, which joins by itself", () => {
    expect(step("bunny1", "rabbitmq-server.service").after).toContain("bunny2 packages");
    expect(step("bunny2", "rabbitmq-server.service").after).toContain("bunny1 packages");
  });

  it("keeps accounts, their folders, /etc/hosts and sshd when the stack is destroyed, and removes everything else", () => {
    for (const host of model.hosts) {
      const kept = stepsOf(host.name).filter((one) => !one.remove);
      const cluster = model.clusters.find(({ members }) => members.some((member) => member.host === host.name));
      const roll = cluster ? [`members of ${cluster.name}`] : [];
      const running = host.units.filter((unit) => unit.keep).map((unit) => unit.name);
      expect(kept.map((one) => one.name)).toEqual(["accounts and folders", ...roll, "/etc/hosts", ...running]);
    }
  });

  it("starts a unit after everything that it reads, and renews it with that", () => {
    for (const host of model.hosts) {
      for (const unit of host.units) {
        const one = step(host.name, unit.name);
        expect(one.after).toEqual(expect.arrayContaining([...unit.reads]));
        expect(one.follows).toEqual(unit.reads);
      }
    }
  });

  it("repairs a stopped unit without an unnecessary restart", () => {
    expect(render(step("bunny1", "keepalived.service").repair)).not.toContain("restart");
    // A broker's unit is restarted only if its Erlang VM doesn't respond to start_app.
    expect(render(step("bunny1", "rabbitmq-server.service").repair)).toMatch(
      /start_app >\/dev\/null \|\| [^|]*systemctl restart/,
    );
    expect(render(step("bunny1", "rabbitmq-server.service").renew)).toContain("systemctl restart");
    expect(render(step("bunny1", "keepalived.service").renew)).toContain("systemctl reload-or-restart");
  });
});

describe("memberSteps", () => {
  const cluster = model.clusters[0];
  if (!cluster) throw new TypeError("no cluster");
  const of = (...hosts: string[]) =>
    memberSteps({ ...cluster, members: hosts.map((host) => ({ host, address: host })) });

  it("lets the first member form the cluster, and the others join one after the other", () => {
    const steps = of("a", "b", "c");
    expect(steps.map(({ host }) => host)).toEqual(["a", "b", "c"]);
    expect(steps[0]?.step.after).toEqual(["rabbitmq-server.service"]);
    expect(steps[2]?.step.after).toEqual(["rabbitmq-server.service", "a rabbitmq-server.service", "b member of bunny"]);
  });

  it("makes the first member join others only if they have a cluster or queues, and the others always join the first", () => {
    const [first, second] = of("a", "b").map(({ step: one }) => render(one.create));
    expect(first).toContain("orelse not lists:any(");
    expect(second).not.toContain("orelse not");
    expect(second).toMatch(/'rabbit@a'\S*, rabbit, is_running.*join_cluster rabbit@a/);
    expect(first).not.toMatch(/'rabbit@b'\S*, rabbit, is_running/);
  });

  it("resets no node with messages or in a cluster, and reports why it doesn't join", () => {
    const text = render(of("a", "b")[1]?.step.create ?? { kind: "run", argv: [] });
    expect(text.indexOf("=:= [node()]")).toBeLessThan(text.indexOf("reset"));
    expect(text).toContain("b is not in a cluster with a");
  });

  it("makes no member leave when another host becomes the first", () => {
    for (const hosts of [["a", "b"], ["b", "a"], ["b"]]) {
      expect(of(...hosts).map(({ step: one }) => one.name)).toEqual(hosts.map(() => "member of bunny"));
    }
  });

  it("adds quorum queue replicas on a new member, and removes those of a leaving member first", () => {
    const quorum = memberSteps({ ...cluster, series: "4.0" })[1]?.step;
    expect(render(quorum?.create ?? { kind: "run", argv: [] })).toContain("rabbit_quorum_queue:grow");
    expect(render(quorum?.remove ?? { kind: "run", argv: [] })).toMatch(
      /shrink_all.*rabbit:stop.*reset.*forget_cluster_node/,
    );
    expect(render(of("a", "b")[1]?.step.create ?? { kind: "run", argv: [] })).not.toContain("quorum");
  });

  it("never fails to leave, so that a removal is not blocked", () => {
    for (const { step: one } of of("a", "b", "c"))
      expect(render(one.remove ?? { kind: "run", argv: [] })).toMatch(/ \|\| true$/);
  });
});

describe("limitsSteps", () => {
  const [cluster] = model.clusters as [ClusterModel];

  it("set all limits by the first member, when the users exist; another first member's step doesn't clear them", () => {
    const [{ host, step: one }, ...others] = limitsSteps(cluster) as [ReturnType<typeof limitsSteps>[0]];
    expect(others).toEqual([]);
    expect([host, one.name, one.afterBroker]).toEqual(["bunny1", "limits of bunny", "bunny"]);
    const set = render(one.create);
    expect(set).toContain('set_user_limits(<<"anonymous"/utf8>>, <<"{\\"max-connections\\":2000,');
    expect(set).toContain('clear_user_limits(<<"feeder"/utf8>>, <<"all">>');
    expect([one.renew, one.repair].map(render)).toEqual([set, set]);
    expect(one.remove).toBeUndefined();
  });

  it("are none for a cluster without limits", () => {
    const { limits: _, ...unlimited } = cluster;
    expect(limitsSteps(unlimited)).toEqual([]);
  });
});

it("every command is valid POSIX shell", () => {
  const steps = [
    ...model.hosts.flatMap((host) => stepsOf(host.name)),
    ...model.clusters.flatMap((cluster) => [...memberSteps(cluster), ...limitsSteps(cluster)].map((one) => one.step)),
  ];
  const texts = steps
    .flatMap((one) => [
      one.create,
      one.renew,
      one.repair,
      ...Object.values(one.mends ?? {}),
      ...(one.remove ? [one.remove] : []),
    ])
    .map(render);
  expect(() => execFileSync("sh", ["-n"], { input: texts.join("\n"), stdio: "pipe" })).not.toThrow();
});
