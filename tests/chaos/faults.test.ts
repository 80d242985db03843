import { expect, it } from "vitest";
import { faults, type Targets } from "./faults.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";

const targets: Targets = { holder: "bunny1", others: ["bunny2", "bunny3"], other: "bunny3" };
const round: PlannedRound = { number: 1, fault: "", quietMs: 0, holdMs: 0, other: 1, draw: 1 };
const struckMs = 1_795_570_847_129;

/** A lab that only records commands. */
function writtenDown() {
  const scripts: string[] = [];
  const scene: Pick<Scene, "on" | "ownDisks"> = {
    ownDisks: ["bunny1"],
    async on(host, script) {
      scripts.push(`${host}: ${script}`);
      return `${struckMs}\noutput of the command`;
    },
  };
  return { scene: scene as Scene, scripts };
}

it.each([
  ["dispatcher-killed", ["bunny1"], "systemctl kill --signal=SIGKILL --kill-whom=main warren-dispatcher.service"],
  ["dispatcher-stopped", ["bunny1"], "systemctl kill --signal=SIGSTOP --kill-whom=main warren-dispatcher.service"],
  [
    "dispatcher-both-killed",
    ["bunny1", "bunny2", "bunny3"],
    "systemctl kill --signal=SIGKILL --kill-whom=main warren-dispatcher.service",
  ],
  ["broker-killed", ["bunny1"], "systemctl kill --signal=SIGKILL --kill-whom=main rabbitmq-server.service"],
  ["broker-stopped", ["bunny1"], "systemctl kill --signal=SIGSTOP --kill-whom=main rabbitmq-server.service"],
  ["broker-member-killed", ["bunny3"], "systemctl kill --signal=SIGKILL --kill-whom=main rabbitmq-server.service"],
  ["node-stop", ["bunny1"], "systemctl --no-block stop rabbitmq-server.service"],
  ["vip-moved", ["bunny1"], "/usr/local/lib/warren/stand-back yes"],
])("%s strikes %j with its command, at the host's time", async (name, hosts, command) => {
  const { scene, scripts } = writtenDown();
  const fault = faults.find((one) => one.name === name);
  const chosen = fault?.hosts(targets, round, scene) ?? [];
  expect(chosen).toEqual(hosts);
  expect(await fault?.inject(scene, chosen, round)).toMatchObject({ atMs: struckMs });
  expect(scripts).toEqual(hosts.map((host) => `${host}: date +%s%3N && ${command}`));
  scripts.length = 0;
  await fault?.heal(scene, chosen);
  expect(new Set(scripts.map((script) => script.split(":")[0]))).toEqual(new Set(hosts));
});

it.each([
  [2, "purge_queue"],
  [3, "delete_queue"],
])("with draw %i, a ledger loses its messages by %s while its dispatcher is down", async (draw, command) => {
  const { scene, scripts } = writtenDown();
  const fault = faults.find(({ name }) => name === "ledger-lost");
  const hosts = fault?.hosts(targets, round, scene) ?? [];
  await fault?.inject(scene, hosts, { ...round, draw });
  expect(scripts).toHaveLength(1);
  expect(scripts[0]).toMatch(/--signal=SIGKILL .* && systemctl stop warren-dispatcher\.service && /);
  expect(scripts[0]).toContain(`${command} cmc.urp.ledger.bunny1`);
});

it("the broker's memory limit is set without a second shell, and is reset to the configured value", async () => {
  const { scene, scripts } = writtenDown();
  const fault = faults.find(({ name }) => name === "memory-alarm");
  await fault?.inject(scene, ["bunny1"], round);
  await fault?.heal(scene, ["bunny1"]);
  expect(scripts[0]).toContain("runuser -u rabbitmq -- env --chdir=/var/lib/rabbitmq");
  expect(scripts[0]).toMatch(/set_vm_memory_high_watermark absolute 10MB$/);
  expect(scripts[1]).toContain("application:get_env(rabbit, vm_memory_high_watermark)");
});

it("the plug of the holder or of another member is pulled, as the plan has drawn", () => {
  const { scene } = writtenDown();
  const fault = faults.find(({ name }) => name === "hosts-rebooted");
  expect(fault?.hosts(targets, { ...round, draw: 2 }, scene)).toEqual(["bunny1"]);
  expect(fault?.hosts(targets, { ...round, draw: 3 }, scene)).toEqual(["bunny3"]);
});
