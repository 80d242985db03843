import { createHash } from "node:crypto";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { expect, it } from "vitest";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { permissionsOf } from "../../infra/model/permissions.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { isReplicated, nodesMissing, type QueueAnswer } from "../chaos/healed.ts";
import { callBroker } from "./broker.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig, textOf } from "./subject.ts";

/** What the requirement's chapters on installation and cluster ask for, as the brokers themselves tell it, on either generation. */
export function installation(): void {
  part("the requirement's installation, read from the brokers", () => {
    it("has the series' package and Erlang on every member, held", async () => {
      const { broker, onMembers } = await subject();
      const series = broker.series.replace(".", "\\.");
      for (const packages of await onMembers("dpkg-query -W rabbitmq-server erlang-base")) {
        expect(packages).toMatch(new RegExp(`^rabbitmq-server\\s+${series}\\.`, "m"));
        expect(packages).toMatch(/^erlang-base\s+1:\d+/m);
      }
      for (const held of await onMembers("apt-mark showhold")) expect(held).toContain("rabbitmq-server");
    });

    it("has users root with the administrator's tag, feeder, anonymous, and guest without any", async () => {
      const users = await callBroker<{ name: string; tags: string[] }[]>("GET", "users");
      const tags = Object.fromEntries(users.map((user) => [user.name, user.tags]));
      expect(tags).toMatchObject({ root: ["administrator"], feeder: [], anonymous: [], guest: [] });
    });

    it("has permissions as the stack's setting writes them, and none for guest", async () => {
      const { broker } = await subject();
      const listed = await callBroker<{ user: string }[]>("GET", "permissions");
      const of = (name: string) => listed.find(({ user }) => user === name);
      expect(of("anonymous")).toMatchObject(permissionsOf(broker.permissions).anonymous);
      for (const name of ["feeder", "root"])
        expect(of(name)).toMatchObject({ configure: ".*", write: ".*", read: ".*" });
      expect(of("guest")).toBeUndefined();
    });

    it("takes the passwords of the config from every user, and guest's own no more", async () => {
      const { config, first } = await subject();
      for (const user of ["root", "feeder", "anonymous"]) await withUser(config, user, async () => {});
      // guest may log in on the broker's own host alone: its hash says what its password is.
      const { password_hash: hash } = await callBroker<{ password_hash: string }>("GET", "users/guest");
      expect(isHashOf(hash, passwordOf(config, "guest"))).toBe(true);
      const born = ["rabbitmqctl", "-q", "authenticate_user", "guest", "guest"];
      expect((await hostExec(lab, first, born, { reject: false })).exitCode).not.toBe(0);
    });

    it("refuses guest from another host, with the right password too", async () => {
      const { config } = await subject();
      await expect(connectAs(config, "guest")).rejects.toThrow(/ACCESS_REFUSED/);
    });

    it("has the management plugin enabled and answering on every member", async () => {
      const { broker, onMembers } = await subject();
      const asked = `rabbitmq-plugins list -q -E -m; ss -Hltn sport = ${broker.management.port}`;
      for (const said of await onMembers(asked)) expect(said).toMatch(/^rabbitmq_management$[\s\S]*^LISTEN/m);
    });

    it("has one cookie on all members, that of the config, for nobody's eyes but the broker's", async () => {
      const { config, onMembers } = await subject();
      const digest = createHash("sha256").update(config.secrets.erlangCookie).digest("hex");
      const cookie = "/var/lib/rabbitmq/.erlang.cookie";
      const found = await onMembers(`sha256sum < ${cookie}; stat -c %U:%a ${cookie}`);
      expect(new Set(found)).toEqual(new Set([`${digest}  -\nrabbitmq:400`]));
    });

    it("is one cluster of which cluster_status names every member as running, with no partition", async () => {
      const { broker, first } = await subject();
      expect(nodesMissing(first, broker.members.length, await callBroker("GET", "nodes"))).toBeUndefined();
      const status = JSON.parse(await textOf(first, "rabbitmqctl -q cluster_status --formatter json"));
      expect(status.running_nodes.toSorted()).toEqual(broker.members.map((host) => `rabbit@${host}`).toSorted());
      expect(status.partitions).toEqual({});
    });

    it("has every queue whose name begins with cmc. on all members: mirrored by ha-all, or quorum queues", async () => {
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
    it("hears what is published to xpublic, in a queue that the broker named", async () => {
      const { config } = await subject();
      await withUser(config, "anonymous", async (channel) => {
        const { queue } = await channel.assertQueue("", { exclusive: true });
        await channel.bindQueue(queue, "xpublic", "v02.post.#");
        const heard = new Promise((resolve) =>
          channel.consume(queue, (message) => resolve(message?.content.toString())),
        );
        await withUser(config, "feeder", async (feeder) => {
          feeder.publish("xpublic", "v02.post.acceptance", Buffer.from("heard"));
        });
        expect(await heard).toBe("heard");
      });
    });

    it("publishes to cmc where the old permissions are, and is refused where the safe ones are", async () => {
      const { config, broker } = await subject();
      const published = withUser(config, "anonymous", async (channel) => {
        channel.publish("cmc", "acceptance.nobody", Buffer.from("from anonymous"));
        // Answered after the publish: what the broker refuses closes the channel before.
        await channel.checkExchange("xpublic").catch(() => {});
        await channel.assertQueue("", { exclusive: true });
      });
      if (broker.permissions === "compatible") await published;
      else await expect(published).rejects.toThrow(/ACCESS_REFUSED|403|closed/i);
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

/** RabbitMQ's form: base64 of four bytes of salt, and SHA-256 of salt and password. */
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

/** A channel of a user at the virtual IP. @throws what the broker says where it closes the channel meanwhile */
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
