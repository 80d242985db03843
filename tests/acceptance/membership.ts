import { expect, it } from "vitest";
import { untilHealthy } from "./broker.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { on, preview, send, stackConfig, textOf, until, up } from "./subject.ts";

/**
 * For two runs of `up` and the checks after them, each with its own timeout. A test that outlived its timeout would change the cluster
 * under the next ones.
 */
const testWithinMs = 720_000;

interface ClusterStatus {
  readonly disk_nodes: readonly string[];
  readonly running_nodes: readonly string[];
}

/** The answer of `cluster_status` on a host. */
async function clusterStatus(host: string): Promise<{ members: string[]; running: string[] }> {
  const status = JSON.parse(await textOf(host, "rabbitmqctl -q cluster_status --formatter json")) as ClusterStatus;
  return { members: status.disk_nodes.toSorted(), running: status.running_nodes.toSorted() };
}

const nodes = (hosts: readonly string[]): string[] => hosts.map((host) => `rabbit@${host}`).toSorted();

async function subject() {
  const config = await stackConfig();
  const cluster = config.announcements.broker;
  const members = config.brokers[cluster]?.members ?? [];
  const last = members.at(-1) ?? "";
  return { cluster, members, last, others: members.filter((host) => host !== last), first: members[0] ?? "" };
}

/** Expects that every member, asked itself, lists all members, all of them running. */
async function expectCluster(hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    expect(await clusterStatus(host), host).toEqual({ members: nodes(hosts), running: nodes(hosts) });
  }
}

interface Limits {
  /** Also tests a member that the others have forgotten, and one whose data is lost. Other tests cover these as well. */
  readonly withDamage?: boolean;
}

export function membership({ withDamage = true }: Limits = {}): void {
  part("a member of the cluster", () => {
    it(
      "leaves when it is removed from the config, and the others forget it; added again it joins again",
      async () => {
        const { cluster, members, last, others } = await subject();
        await expectCluster(members);
        const path = ["config", "warren:brokers", cluster, "members"];
        await withChangedStack(
          (stack) => {
            stack.setIn(path, others);
            stack.deleteIn(["config", "warren:virtualIps", "bunny-op", "priorities", last]);
          },
          async () => {
            const left = await up();
            noteSeconds("up that removes a member", left.seconds);
            expect(left.exitCode, left.output).toBe(0);
            await expectCluster(others);
            expect(await textOf(last, "systemctl is-active rabbitmq-server || true")).toBe("inactive");
          },
        );
        const joined = await up();
        noteSeconds("up that adds it again", joined.seconds);
        expect(joined.exitCode, joined.output).toBe(0);
        await expectCluster(members);
        await untilHealthy();
      },
      testWithinMs,
    );

    if (!withDamage) return;

    it(
      "joins again after the others have forgotten it while it was down; its old data is set aside",
      async () => {
        const { members, last, first } = await subject();
        await on(last, "systemctl stop rabbitmq-server");
        await on(first, `rabbitmqctl -q forget_cluster_node rabbit@${last}`);
        await repair(members);
        expect(await textOf(last, "ls -d /var/lib/rabbitmq/mnesia.forgotten")).toContain("mnesia.forgotten");
      },
      testWithinMs,
    );

    it(
      "joins again after its data is lost, although the others still list it, even as the first member",
      async () => {
        const { members, first } = await subject();
        await on(first, "systemctl stop rabbitmq-server && rm -r /var/lib/rabbitmq/mnesia");
        await repair(members);
        const { account, outcome } = await send({ count: 40 });
        expect(outcome).toBe("complete");
        expect(account).toMatchObject({ dispatched: 40, lost: 0 });
      },
      testWithinMs,
    );
  });
}

/** Expects that `up` restores the cluster with all members and replicas, and that nothing is left to change then. */
async function repair(members: readonly string[]): Promise<void> {
  const repaired = await up();
  expect(repaired.exitCode, repaired.output).toBe(0);
  await expectCluster(members);
  await untilHealthy();
  await until("nothing is left to do", 60_000, async () => (await preview("--expect-no-changes")).exitCode === 0);
}
