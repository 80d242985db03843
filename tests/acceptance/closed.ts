import { afterAll, expect, it } from "vitest";
import { brokerSubject, dialFrom, dialFromHere } from "./dial.ts";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { expectNothingToChange, on, textOf, untilPrints, up } from "./subject.ts";
import { certificates } from "./tls.ts";

/** epmd, Erlang distribution, the first port that a command-line tool uses. */
const clusterPorts = [4369, 25_672, 35_672];
const listener = "warren-test-listener";

export function closed(): void {
  ports();
  certificates();
  sandbox();
}

function ports(): void {
  part("a broker's ports", () => {
    afterAll(async () => {
      const { members } = await brokerSubject();
      await Promise.all(members.map(({ name }) => on(name, `systemctl stop ${listener} 2>/dev/null; true`)));
    });

    it("for cluster traffic are open only to members and to the host itself", async () => {
      const { members, outsider } = await brokerSubject();
      // A refusal proves nothing unless something listens, and command-line tools listen only while they run. If one is running now, this
      // listener waits for it.
      const bind =
        "my $s; select undef, undef, undef, 0.1 until $s = IO::Socket::INET->new(LocalPort => 35672, Listen => 5, ReuseAddr => 1);";
      const listen = `use IO::Socket::INET; ${bind} close $_ while $_ = $s->accept`;
      for (const { name } of members) {
        await on(name, `systemd-run --collect --unit=${listener} perl -e '${listen}'`);
        await untilPrints(name, "ss -Hltnp 'sport = :35672' | grep -c perl", "1", 10_000);
      }
      for (const target of members) {
        for (const port of clusterPorts) {
          const what = `${target.name}:${port}`;
          for (const { name } of members)
            expect(await dialFrom(name, target.address, port), `${name} to ${what}`).toBe("open");
          expect(await dialFrom(target.name, "127.0.0.1", port), `${what} on its loopback`).toBe("open");
          expect(await dialFrom(outsider, target.address, port), `${outsider} to ${what}`).toBe("refused");
          expect(await dialFromHere(target.address, port), `this machine to ${what}`).toBe("refused");
        }
      }
    });

    it("for AMQP and management match the config", async () => {
      const { broker, members, outsider } = await brokerSubject();
      for (const { name, address } of members) {
        const { management } = broker;
        const listens = await textOf(name, `ss -Hltn 'sport = :${management.port}' | tr -s ' ' | cut -d' ' -f4`);
        expect(listens).toBe(`${management.address}:${management.port}`);
        expect(await dialFrom(outsider, address, broker.tlsPort)).toBe("open");
        expect(await dialFrom(outsider, address, broker.port)).toBe(broker.plainText ? "open" : "refused");
        expect(await dialFrom(name, "127.0.0.1", broker.port)).toBe("open");
        expect(await dialFrom(outsider, address, 15_672)).toBe("refused");
      }
    });

    it("are closed again when nftables.service has emptied the ruleset, and the firewall unit is inactive while they are open", async () => {
      const { first, outsider } = await brokerSubject();
      const epmd = () => dialFrom(outsider, first.address, 4369);
      try {
        for (const verb of ["start", "reload", "restart"]) {
          await on(first.name, `systemctl ${verb} nftables`);
          expect(await epmd(), verb).toBe("refused");
        }
        await on(first.name, "systemctl stop nftables");
        expect(await epmd()).toBe("open");
        expect(await textOf(first.name, "systemctl is-active warren-firewall || true")).toBe("inactive");
      } finally {
        await on(first.name, "systemctl start warren-firewall");
      }
      expect(await epmd()).toBe("refused");
    });
  });
}

/** Takes two runs of `up`. One stack is enough: the rules are the same text for every generation, and each generation's nftables checks them. */
export function managementFrom(): void {
  part("a broker's ports", () => {
    it("for management can be limited to some networks, and other programs' rules stay", async () => {
      const { config, broker, first, second, outsider } = await brokerSubject();
      const own = await textOf(first.name, "ip -4 route show default | cut -d' ' -f3");
      const { port } = broker.management;
      const from = ["config", "warren:brokers", config.announcements.broker, "management", "from"];
      expect(await dialFrom(outsider, first.address, port)).toBe("open");
      await on(first.name, "nft add table inet others");
      try {
        await withChangedStack(
          (stack) => stack.setIn(from, [`${own}/32`]),
          async () => {
            const narrowed = await up();
            expect(narrowed.exitCode, narrowed.output).toBe(0);
            expect(await dialFrom(outsider, first.address, port)).toBe("refused");
            expect(await dialFrom(second.name, first.address, port)).toBe("open");
            expect(await dialFromHere(first.address, port)).toBe("open");
          },
        );
        const widened = await up();
        expect(widened.exitCode, widened.output).toBe(0);
        expect(await dialFrom(outsider, first.address, port)).toBe("open");
        expect(await textOf(first.name, "nft list tables")).toContain("table inet others");
      } finally {
        await on(first.name, "nft delete table inet others");
      }
    });
  });
}

function sandbox(): void {
  part("the broker's unit", () => {
    it("has an exposure of at most 4.0 and is accepted by systemd", async () => {
      const { members } = await brokerSubject();
      for (const { name } of members) {
        const answer = await textOf(name, "systemd-analyze security --no-pager rabbitmq-server.service");
        const exposure = Number(/Overall exposure level for .*: ([\d.]+)/.exec(answer)?.[1]);
        expect(exposure, name).toBeLessThanOrEqual(4);
        await on(name, "systemd-analyze verify rabbitmq-server.service warren-firewall.service");
        await on(name, "nft -c -f /etc/warren/firewall.nft");
      }
    });

    it("starts after the firewall, from the first start on", async () => {
      const { members } = await brokerSubject();
      const words = "Finished warren-firewall|Starting rabbitmq-server";
      for (const { name } of members) {
        const journal = `journalctl -b --no-pager -o cat -t systemd | grep -oE '${words}' | head -n 1`;
        expect(await textOf(name, journal), name).toBe("Finished warren-firewall");
      }
    });

    it("allows its command-line tools to work", async () => {
      const { first } = await brokerSubject();
      const cli = (words: string) => on(first.name, `cd /var/lib/rabbitmq && ${words}`);
      await cli("rabbitmqctl --quiet status");
      await cli("rabbitmq-diagnostics --quiet check_local_alarms");
      await cli("rabbitmq-diagnostics --quiet check_running");
      await cli("rabbitmqctl --quiet list_feature_flags");
      expect((await cli("rabbitmq-plugins --quiet list --enabled --minimal")).stdout).toContain("rabbitmq_management");
      // This rewrites the plugins file, and the broker reads it. Run as the broker's user: root would make the file root's.
      const plugins = "runuser -u rabbitmq -- /usr/sbin/rabbitmq-plugins --quiet";
      await cli(`${plugins} enable rabbitmq_top`);
      await cli(`${plugins} disable rabbitmq_top`);
      await expectNothingToChange();
    });
  });
}
