import { createHash } from "node:crypto";
import { type Channel, connect } from "amqplib";
import { expect, it } from "vitest";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { permissionsOf } from "../../infra/model/permissions.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { brokerUrl, hostsOf } from "../../scripts/lab/send-products.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig, textOf } from "./subject.ts";

/** What the requirement's chapters on installation and cluster ask for, as the brokers themselves tell it, on either generation. */
export function installation(): void {
  part("the requirement's installation, read from the brokers", () => {
    it("has the series' package and Erlang on every member, held", async () => {
      const { config, broker } = await subject();
      for (const host of hostsOf(config, "bunny")) {
        const packages = await textOf(host, "dpkg-query -W rabbitmq-server erlang-base");
        expect(packages).toMatch(new RegExp(`^rabbitmq-server\\s+${broker.series.replace(".", "\\.")}\\.`, "m"));
        expect(packages).toMatch(/^erlang-base\s+1:\d+/m);
        expect(await textOf(host, "apt-mark showhold")).toContain("rabbitmq-server");
      }
    });

    it("has users root with the administrator's tag, feeder, anonymous, and guest without any", async () => {
      const users = await ask<{ user: string; tags: string[] }[]>("list_users");
      const tags = Object.fromEntries(users.map((user) => [user.user, user.tags]));
      expect(tags).toMatchObject({ root: ["administrator"], feeder: [], anonymous: [], guest: [] });
    });

    it("has permissions as the stack's setting writes them, and none for guest", async () => {
      const { broker } = await subject();
      const listed = await ask<({ user: string } & Record<string, string>)[]>("list_permissions", "-p", "/");
      const of = (name: string) => listed.find(({ user }) => user === name);
      expect(of("anonymous")).toMatchObject(permissionsOf(broker.permissions).anonymous);
      expect(of("feeder")).toMatchObject({ configure: ".*", write: ".*", read: ".*" });
      expect(of("root")).toMatchObject({ configure: ".*", write: ".*", read: ".*" });
      expect(of("guest")).toBeUndefined();
    });

    it("takes the passwords of the config from every user, and guest's own no more", async () => {
      const { config, first } = await subject();
      for (const user of ["root", "feeder", "anonymous"]) await withUser(config, user, async () => {});
      // guest may log in on the broker's own host alone: its hash says what its password is.
      const { stdout } = await hostExec(lab, first, ["rabbitmqctl", "-q", "export_definitions", "-"]);
      const { users } = JSON.parse(stdout) as { users: { name: string; password_hash: string }[] };
      const hash = users.find(({ name }) => name === "guest")?.password_hash ?? "";
      expect(isHashOf(hash, passwordOf(config, "guest"))).toBe(true);
      const born = ["rabbitmqctl", "-q", "authenticate_user", "guest", "guest"];
      expect((await hostExec(lab, first, born, { reject: false })).exitCode).not.toBe(0);
    });

    it("refuses guest from another host, with the right password too", async () => {
      const { config } = await subject();
      await expect(connect(urlOf(config, "guest"))).rejects.toThrow(/ACCESS_REFUSED/);
    });

    it("has the management plugin enabled and answering on every member", async () => {
      const { config, broker, first } = await subject();
      expect(await textOf(first, "rabbitmq-plugins list -q -E -m")).toMatch(/^rabbitmq_management$/m);
      for (const host of hostsOf(config, "bunny")) {
        expect(await textOf(host, `ss -Hltn sport = ${broker.management.port}`), host).not.toBe("");
      }
    });

    it("has one cookie on all members, that of the config, for nobody's eyes but the broker's", async () => {
      const { config } = await subject();
      const digest = createHash("sha256").update(config.secrets.erlangCookie).digest("hex");
      const cookie = "/var/lib/rabbitmq/.erlang.cookie";
      for (const host of hostsOf(config, "bunny")) {
        expect(await textOf(host, `sha256sum < ${cookie}; stat -c %U:%a ${cookie}`)).toBe(`${digest}  -\nrabbitmq:400`);
      }
    });

    it("is one cluster of which cluster_status names every member as running, with no partition", async () => {
      const { config } = await subject();
      const nodes = hostsOf(config, "bunny").map((host) => `rabbit@${host}`);
      const status = await ask<{ running_nodes: string[]; partitions: object }>("cluster_status");
      expect(status.running_nodes.toSorted()).toEqual(nodes.toSorted());
      expect(status.partitions).toEqual({});
    });

    it("has every queue whose name begins with cmc. on all members: mirrored by ha-all, or quorum queues", async () => {
      const { config, broker } = await subject();
      const members = hostsOf(config, "bunny").length;
      const isQuorum = traitsOf(broker.series).replication === "quorum";
      const columns = isQuorum ? ["type", "members"] : ["policy", "slave_pids"];
      const listed = await ask<Record<string, unknown>[]>("list_queues", "name", ...columns);
      const queues = listed.filter(({ name }) => String(name).startsWith("cmc."));
      expect(queues.length).toBeGreaterThan(0);
      if (isQuorum) {
        for (const queue of queues) expect(queue.members, String(queue.name)).toHaveLength(members);
        return;
      }
      const policies = await ask<{ name: string; pattern: string; definition: string }[]>("list_policies");
      const policy = policies.find(({ name }) => name === "ha-all");
      expect(policy?.pattern).toBe("^cmc\\.");
      expect(JSON.parse(policy?.definition ?? "{}")).toMatchObject({ "ha-mode": "all" });
      for (const queue of queues) {
        expect(queue.policy, String(queue.name)).toBe("ha-all");
        expect(queue.slave_pids, String(queue.name)).toHaveLength(members - 1);
      }
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
  return { config, broker, first };
}

/** What rabbitmqctl on the first member says, as JSON. */
async function ask<T>(...words: string[]): Promise<T> {
  const { first } = await subject();
  const { stdout } = await hostExec(lab, first, ["rabbitmqctl", "-q", "--formatter", "json", ...words], {
    timeoutMs: 60_000,
  });
  return JSON.parse(stdout) as T;
}

/** RabbitMQ's form: base64 of four bytes of salt, and SHA-256 of salt and password. */
function isHashOf(hash: string, password: string): boolean {
  const [salt, digest] = [Buffer.from(hash, "base64").subarray(0, 4), Buffer.from(hash, "base64").subarray(4)];
  return createHash("sha256").update(salt).update(password).digest().equals(digest);
}

function urlOf(config: StackConfig, user: string): string {
  const url = new URL(brokerUrl(config));
  url.username = user;
  url.password = passwordOf(config, user);
  return url.href;
}

/** A channel of a user at the virtual IP. @throws what the broker says where it closes the channel meanwhile */
async function withUser(config: StackConfig, user: string, work: (channel: Channel) => Promise<void>): Promise<void> {
  const connection = await connect(urlOf(config, user));
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
