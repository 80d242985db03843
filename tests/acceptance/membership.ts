import { expect, it } from "vitest";
import { untilHealthy } from "./broker.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { on, preview, send, stackConfig, textOf, until, up } from "./subject.ts";

/**
 * Of two runs of `up` and what comes after them, each with its own time. A test that kept running behind the next ones would change the cluster
 * under them.
 */
const testWithinMs = 720_000;

interface ClusterStatus {
  readonly disk_nodes: readonly string[];
  readonly running_nodes: readonly string[];
}

/** What `cluster_status` of a host says. */
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

/** Every member, asked itself, knows all members and sees all of them running. */
async function expectCluster(hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    expect(await clusterStatus(host), host).toEqual({ members: nodes(hosts), running: nodes(hosts) });
  }
}

interface Limits {
  /** A member that the others have forgotten, and one whose data were lost, are repaired elsewhere, too. */
  readonly mended?: boolean;
}

export function membership({ mended = true }: Limits = {}): void {
  part("a member of the cluster", () => {
    it(
      "leaves when it is taken out of the config, and the others forget it; taken in again it joins again",
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
            noteSeconds("up by which a member leaves", left.seconds);
            expect(left.exitCode, left.output).toBe(0);
            await expectCluster(others);
            expect(await textOf(last, "systemctl is-active rabbitmq-server || true")).toBe("inactive");
          },
        );
        const joined = await up();
        noteSeconds("up by which it joins again", joined.seconds);
        expect(joined.exitCode, joined.output).toBe(0);
        await expectCluster(members);
        await untilHealthy();
      },
      testWithinMs,
    );

    if (!mended) return;

    it(
      "joins again after the others have forgotten it while it was down; its old data are put beside",
      async () => {
        const { members, last, first } = await subject();
        await on(last, "systemctl stop rabbitmq-server");
        await on(first, `rabbitmqctl -q forget_cluster_node rabbit@${last}`);
        await mend(members);
        expect(await textOf(last, "ls -d /var/lib/rabbitmq/mnesia.forgotten")).toContain("mnesia.forgotten");
      },
      testWithinMs,
    );

    it(
      "joins again after its data were lost, though the others know it still, and be it the first of the list",
      async () => {
        const { members, first } = await subject();
        await on(first, "systemctl stop rabbitmq-server && rm -r /var/lib/rabbitmq/mnesia");
        await mend(members);
        const { account, outcome } = await send({ count: 40 });
        expect(outcome).toBe("complete");
        expect(account).toMatchObject({ dispatched: 40, lost: 0 });
      },
      testWithinMs,
    );
  });
}

/** `up` brings the cluster back to all its members, each queue with all its replicas, and has nothing more to do then. */
async function mend(members: readonly string[]): Promise<void> {
  const mended = await up();
  expect(mended.exitCode, mended.output).toBe(0);
  await expectCluster(members);
  await untilHealthy();
  await until("nothing is left to do", 60_000, async () => (await preview("--expect-no-changes")).exitCode === 0);
}
