import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { render } from "../commands/command.ts";
import { fixtureConfig, fixtureModel } from "../model/fixture.ts";
import { hostSteps, memberSteps } from "./host-steps.ts";

const model = fixtureModel(fixtureConfig());
const stepsOf = (name: string) => {
  const host = model.hosts.find((one) => one.name === name);
  if (!host) throw new TypeError(`no host ${name}`);
  return hostSteps(host);
};
const step = (host: string, name: string) => {
  const found = stepsOf(host).find((one) => one.name === name);
  if (!found) throw new TypeError(`no step ${name} on ${host}`);
  return found;
};

describe("hostSteps", () => {
  it("writes what the broker's first start reads before its package, and what the package judges after it", () => {
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

  it("lets brokers start one after the other", () => {
    expect(step("bunny1", "rabbitmq-server.service").after).not.toContain("bunny2 rabbitmq-server.service");
    expect(step("bunny2", "rabbitmq-server.service").after).toContain("bunny1 rabbitmq-server.service");
  });

  it("leaves accounts, their folders and /etc/hosts when the stack is destroyed, and takes everything else off", () => {
    for (const host of model.hosts) {
      const kept = stepsOf(host.name).filter((one) => !one.remove);
      expect(kept.map((one) => one.name)).toEqual(["accounts and folders", "/etc/hosts"]);
    }
  });

  it("starts a unit after all that it reads, and follows it", () => {
    for (const host of model.hosts) {
      for (const unit of host.units) {
        const one = step(host.name, unit.name);
        expect(one.after).toEqual(expect.arrayContaining([...unit.reads]));
        expect(one.follows).toEqual(unit.reads);
      }
    }
  });

  it("repairs a unit that was stopped without restarting what it would disturb", () => {
    expect(render(step("bunny1", "keepalived.service").repair)).not.toContain("restart");
    // A broker is restarted where its Erlang VM doesn't take the order to start what was stopped inside it.
    expect(render(step("bunny1", "rabbitmq-server.service").repair)).toMatch(
      /start_app >\/dev\/null \|\| [^|]*systemctl restart/,
    );
    expect(render(step("bunny1", "rabbitmq-server.service").renew)).toContain("systemctl restart");
    expect(render(step("bunny1", "keepalived.service").renew)).toContain("systemctl reload-or-restart");
  });
});

describe("memberSteps", () => {
  it("lets the first member begin the cluster, and the others join it one after the other", () => {
    const cluster = model.clusters[0];
    if (!cluster) throw new TypeError("no cluster");
    const three = { ...cluster, members: ["a", "b", "c"].map((host) => ({ host, address: host })) };
    const steps = memberSteps(three);
    expect(steps.map(({ host }) => host)).toEqual(["b", "c"]);
    expect(steps[1]?.step.after).toContain("b member of bunny");
    for (const [index, { step: one }] of steps.entries()) {
      expect(one.after).toContain("a rabbitmq-server.service");
      expect(render(one.create)).toContain("join_cluster rabbit@a");
      expect(render(one.create)).toContain(`await_online_nodes ${index + 2} `);
    }
  });
});

it("every command is text that a POSIX shell takes", () => {
  const steps = [
    ...model.hosts.flatMap((host) => stepsOf(host.name)),
    ...model.clusters.flatMap((cluster) => memberSteps(cluster).map((one) => one.step)),
  ];
  const texts = steps
    .flatMap((one) => [one.create, one.renew, one.repair, ...(one.remove ? [one.remove] : [])])
    .map(render);
  expect(() => execFileSync("sh", ["-n"], { input: texts.join("\n"), stdio: "pipe" })).not.toThrow();
});
