import { createHash } from "node:crypto";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { expect, it } from "vitest";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { permissionsOf } from "../../infra/model/permissions.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { isReplicated, nodesMissing, type QueueAnswer } from "../chaos/healed.ts";
import { askMember, callBroker, labCluster } from "./broker.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig, textOf } from "./subject.ts";

/** The requirement's chapters on installation and cluster, checked on the brokers themselves, for either generation. */
export function installation(): void {
  part("the requirement's installation, read from the brokers", () => {
    it("has the series' package, held, and Erlang on every member", async () => {
      const { broker, onMembers } = await subject();
      const series = broker.series.replace(".", "\\.");
      for (const packages of await onMembers("dpkg-query -W rabbitmq-server erlang-base")) {
        expect(packages).toMatch(new RegExp(`^rabbitmq-server\\s+${series}\\.`, "m"));
        expect(packages).toMatch(/^erlang-base\s+1:\d+/m);
      }
      for (const held of await onMembers("apt-mark showhold")) expect(held).toContain("rabbitmq-server");
    });

    it("has user root with the administrator tag, and feeder, anonymous and guest without tags", async () => {
      const users = await callBroker<{ name: string; tags: string[] }[]>("GET", "users");
      const tags = Object.fromEntries(users.map((user) => [user.name, user.tags]));
      expect(tags).toMatchObject({ root: ["administrator"], feeder: [], anonymous: [], guest: [] });
    });

    it("has the permissions of the stack's setting, and none for guest", async () => {
      const { broker } = await subject();
      const listed = await callBroker<{ user: string }[]>("GET", "permissions");
      const of = (name: string) => listed.find(({ user }) => user === name);
      expect(of("anonymous")).toMatchObject(permissionsOf(broker.permissions).anonymous);
      for (const name of ["feeder", "root"])
        expect(of(name)).toMatchObject({ configure: ".*", write: ".*", read: ".*" });
      expect(of("guest")).toBeUndefined();
    });

    it("accepts the config's password for every user, and not the default one for guest", async () => {
      const { config, first } = await subject();
      for (const user of ["root", "feeder", "anonymous"]) await withUser(config, user, async () => {});
      // guest may only log in on the broker's own host: its hash is compared with the password.
      const { password_hash: hash } = await callBroker<{ password_hash: string }>("GET", "users/guest");
      expect(isHashOf(hash, passwordOf(config, "guest"))).toBe(true);
      const defaultLogin = ["rabbitmqctl", "-q", "authenticate_user", "guest", "guest"];
      expect((await hostExec(lab, first, defaultLogin, { reject: false })).exitCode).not.toBe(0);
    });

    it("refuses guest from another host, even with the right password", async () => {
      const { config } = await subject();
      await expect(connectAs(config, "guest")).rejects.toThrow(/ACCESS_REFUSED/);
    });

    it("has the management plugin enabled, and each member's API answers with all members", async () => {
      const { broker, onMembers } = await subject();
      for (const answer of await onMembers("rabbitmq-plugins list -q -E -m"))
        expect(answer).toMatch(/^rabbitmq_management$/m);
      const { members } = await labCluster();
      for (const { host, address } of members) {
        const nodes = await askMember<{ name: string; running: boolean }[]>(address, "nodes");
        const running = nodes.flatMap(({ name, running }) => (running ? [name] : [])).sort();
        expect(running, host).toEqual(broker.members.map((name) => `rabbit@${name}`).sort());
      }
    });

    it("has the config's cookie on all members, readable only by the broker", async () => {
      const { config, onMembers } = await subject();
      const digest = createHash("sha256").update(config.secrets.erlangCookie).digest("hex");
      const cookie = "/var/lib/rabbitmq/.erlang.cookie";
      const found = await onMembers(`sha256sum < ${cookie}; stat -c %U:%a ${cookie}`);
      expect(new Set(found)).toEqual(new Set([`${digest}  -\nrabbitmq:400`]));
    });

    it("is one cluster: cluster_status lists every member as running, with no partition", async () => {
      const { broker, first } = await subject();
      expect(nodesMissing(first, broker.members.length, await callBroker("GET", "nodes"))).toBeUndefined();
      const status = JSON.parse(await textOf(first, "rabbitmqctl -q cluster_status --formatter json"));
      expect(status.running_nodes.toSorted()).toEqual(broker.members.map((host) => `rabbit@${host}`).toSorted());
      expect(status.partitions).toEqual({});
    });

    it("has every queue cmc.* on all members: mirrored by ha-all, or a quorum queue", async () => {
      const { broker } = await subject();
      const listed = await callBroker<(QueueAnswer & { policy?: string })[]>("GET", "queues");
      const queues = listed.filter(({ name }) => name.startsWith("cmc."));
      expect(queues).not.toEqual([]);
      expect(queues.filter((queue) => !isReplicated(queue, broker.members.length))).toEqual([]);
      if (traitsOf(broker.series).replication === "quorum") return;
      const policy = await callBroker("GET", "policies/%2F/ha-all");
      expect(policy).toMatchObject({ pattern: "^cmc\\.", definition: { "ha-mode": "all" } });
      expect(new Set(queues.map((queue) => queue.policy))).toEqual(new Set(["ha-all"]));
    });
  });

  part("anonymous, at the broker", () => {
    it("receives messages published to xpublic in a queue that the broker named", async () => {
      const { config } = await subject();
      await withUser(config, "anonymous", async (channel) => {
        const { queue } = await channel.assertQueue("", { exclusive: true });
        await channel.bindQueue(queue, "xpublic", "v02.post.#");
        const received = new Promise((resolve) =>
          channel.consume(queue, (message) => resolve(message?.content.toString())),
        );
        await withUser(config, "feeder", async (feeder) => {
          feeder.publish("xpublic", "v02.post.acceptance", Buffer.from("received"));
        });
        expect(await received).toBe("received");
      });
    });

    it("may publish to cmc with the old permissions, and is refused with the safe ones", async () => {
      const { config, broker } = await subject();
      const published = withUser(config, "anonymous", async (channel) => {
        channel.publish("cmc", "acceptance.nobody", Buffer.from("from anonymous"));
        // Answered after the publish: a refused publish closes the channel first.
        await channel.checkExchange("xpublic").catch(() => {});
        await channel.assertQueue("", { exclusive: true });
      });
      if (broker.permissions === "compatible") await published;
      else await expect(published).rejects.toThrow(/ACCESS_REFUSED|403|closed/i);
    });

    it("may bind everything on cmc with the old permissions, and only dispatched announcements with the safe ones", async () => {
      const { config, broker } = await subject();
      const { exchange, notifyTopic } = config.announcements;
      const bound = (key: string) =>
        withUser(config, "anonymous", async (channel) => {
          const { queue } = await channel.assertQueue("", { exclusive: true });
          await channel.bindQueue(queue, exchange, key);
        });
      await bound(`${notifyTopic}.#`);
      if (broker.permissions === "compatible") await bound("#");
      else await expect(bound("#")).rejects.toThrow(/ACCESS_REFUSED|403|closed/i);
    });
  });
}

async function subject() {
  const config = await stackConfig();
  const broker = config.brokers[config.announcements.broker];
  const first = broker?.members[0];
  if (!broker || !first) throw new Error("the stack has no broker");
  const onMembers = (script: string) => Promise.all(broker.members.map((host) => textOf(host, script)));
  return { config, broker, first, onMembers };
}

/** RabbitMQ's format: base64 of four bytes of salt and the SHA-256 of salt and password. */
function isHashOf(hash: string, password: string): boolean {
  const [salt, digest] = [Buffer.from(hash, "base64").subarray(0, 4), Buffer.from(hash, "base64").subarray(4)];
  return createHash("sha256").update(salt).update(password).digest().equals(digest);
}

async function connectAs(config: StackConfig, user: string): Promise<ChannelModel> {
  const url = new URL(brokerUrl(config));
  url.username = user;
  url.password = passwordOf(config, user);
  return connect(url.href, await brokerTrust(lab, config));
}

/** Does some work with a user's channel at the virtual IP. @throws the broker's reason if it closes the channel */
async function withUser(config: StackConfig, user: string, work: (channel: Channel) => Promise<void>): Promise<void> {
  const connection = await connectAs(config, user);
  connection.on("error", () => {});
  try {
    const channel = await connection.createChannel();
    const refused = new Promise<never>((_, reject) => channel.once("error", reject));
    await Promise.race([work(channel), refused]);
    await channel.close();
  } finally {
    await connection.close();
  }
}
