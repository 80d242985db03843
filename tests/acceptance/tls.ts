import { type ChannelModel, connect } from "amqplib";
import { expect, it } from "vitest";
import { passwordOf } from "../../infra/config/index.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { cutLink, healLink } from "../../scripts/lab/index.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { brokerVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import { brokerSubject, handshake } from "./dial.ts";
import { part } from "./one-lab.ts";
import { expectHidden, secretPlaces } from "./secret-places.ts";
import { withChangedStack } from "./stack-file.ts";
import { expectNothingToChange, lab, on, textOf, until, up } from "./subject.ts";

/** Connects a client over TLS. */
async function connectAmqps(hostname: string): Promise<ChannelModel> {
  const { config, broker, ca } = await brokerSubject();
  const login = { username: "feeder", password: passwordOf(config, "feeder") };
  // RabbitMQ's default.
  const frameMax = 131_072;
  return connect({ protocol: "amqps", hostname, port: broker.tlsPort, frameMax, ...login }, { ca: [ca] });
}

export function certificates(): void {
  part("TLS", () => {
    it("accepts a client that trusts the CA, at every member and at the virtual IP", async () => {
      const { config, members } = await brokerSubject();
      for (const address of [...members.map((member) => member.address), brokerVirtualIp(config).address]) {
        const connection = await connectAmqps(address);
        // Nesting that crashes the broker fits into a frame of the default size, but not into this one.
        expect(connection.connection).toMatchObject({ frameMax: 32_768 });
        await connection.close();
      }
    });

    it.each(["tlsPort", "management"] as const)(
      "fails for a client that doesn't trust the CA, on the %s",
      async (which) => {
        const { broker, first, ca } = await brokerSubject();
        const port = which === "tlsPort" ? broker.tlsPort : broker.management.port;
        (await handshake(first.address, port, { ca })).destroy();
        await expect(handshake(first.address, port, {})).rejects.toThrow(/self-signed|unable to (verify|get local)/);
        await expect(handshake(first.address, port, { ca, servername: "elsewhere" })).rejects.toThrow(/does not match/);
      },
    );

    it.each(["TLSv1", "TLSv1.1"] as const)("doesn't support %s", async (version) => {
      const { broker, first, ca } = await brokerSubject();
      // The client allows this version, so it is the server that refuses it.
      const old = { ca, minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
      for (const port of [broker.tlsPort, broker.management.port]) {
        await expect(handshake(first.address, port, old)).rejects.toThrow(/alert protocol version/);
      }
    });

    it("shows its keys only to the broker: not to other users of its host, not in the state, not in logs", async () => {
      const { members } = await brokerSubject();
      expectHidden(await secretPlaces(), new Map([["a key", "-----BEGIN PRIVATE KEY-----"]]));
      for (const { name } of members) {
        expect(await textOf(name, "stat -c '%a %U' /etc/rabbitmq/tls/server.pem")).toBe("400 rabbitmq");
      }
    });

    rotation();
  });
}

/** Without a restart, a broken connection or a refused one. */
function rotation(): void {
  it("changes to a new CA and new certificates while clients connect, stay and leave", async () => {
    const { config, broker, members, first, outsider, ca } = await brokerSubject();
    const shown = async (trusted: string) => peerOf(first.address, broker.tlsPort, trusted);
    const now = async () => (await readOperatorCa(lab)) ?? "";
    const runs = () =>
      Promise.all(members.map(({ name }) => textOf(name, "systemctl show -p InvocationID --value rabbitmq-server")));
    const [before, peerBefore] = [await runs(), await shown(ca)];
    const guest = await stay(first.address);
    // From this machine with the operator's CA file, from a host with the host's: each with its content at that moment.
    const visits = visit(async () => {
      await shown(await now());
      await on(outsider, opensslConnect(first.address, broker.tlsPort));
      await guest.send();
    });
    const generation = config.tls.generation + 1;
    await withChangedStack(
      (stack) => stack.setIn(["config", "warren:tls", "generation"], generation),
      async () => {
        const rotated = await up();
        // New connections get the new certificate, so clients that know only the previous CA can't connect.
        const peerAfter = await shown(await now()).catch((error: Error) => error);
        const { times, failures } = await visits.stop();
        expect(rotated.exitCode, rotated.output).toBe(0);
        expect(failures).toEqual([]);
        expect(times).toBeGreaterThan(5);
        expect(peerAfter).toMatchObject({ issuer: expect.stringMatching(new RegExp(` CA ${generation}$`)) });
        expect(peerAfter).not.toEqual(peerBefore);
        await expect(shown(ca)).rejects.toThrow(/self-signed|unable to|signature failure/);
        expect(await guest.leave()).toEqual({ received: times, error: undefined });
        expect(await runs()).toEqual(before);
        for (const name of [...members.map((member) => member.name), outsider]) {
          expect(await textOf(name, "grep -c BEGIN /etc/warren/tls/ca.pem"), name).toBe("2");
        }
        await expectNothingToChange();
      },
    ).finally(() => visits.stop());
  });

  // The config file has the previous generation again, which is another change; after it hosts and file match.
  it("keeps the certificates that every host trusts while one host can't receive the new CA", async () => {
    const { config, broker, first } = await brokerSubject();
    const shown = async () => peerOf(first.address, broker.tlsPort, (await readOperatorCa(lab)) ?? "");
    const away = hostsOf(config, "pds").at(-1) ?? "";
    const before = await shown();
    await cutLink(lab, away);
    try {
      const tried = await up();
      expect(tried.exitCode, tried.output).not.toBe(0);
      expect(tried.output).toContain(`${away} /etc/warren/tls/ca.pem`);
      expect(await shown()).toEqual(before);
    } finally {
      await healLink(lab, away);
    }
    await until(`${away} answers`, 30_000, async () => (await textOf(away, "echo back")) === "back");
    const finished = await up();
    expect(finished.exitCode, finished.output).toBe(0);
    expect(await shown()).not.toEqual(before);
  });
}

const opensslConnect = (address: string, port: number): string =>
  `openssl s_client -connect ${address}:${port} -CAfile /etc/warren/tls/ca.pem -verify_return_error </dev/null >/dev/null`;

/** The certificate that a server shows to a client that trusts these CAs. */
async function peerOf(address: string, port: number, ca: string): Promise<{ serial: string; issuer: string }> {
  const socket = await handshake(address, port, { ca });
  try {
    const { serialNumber, issuer } = socket.getPeerCertificate();
    return { serial: serialNumber, issuer: String(issuer.CN) };
  } finally {
    socket.destroy();
  }
}

/** Opens a lasting connection that publishes confirmed messages to a queue of its own. */
async function stay(address: string) {
  const connection = await connectAmqps(address);
  let error: unknown;
  connection.on("error", (reason) => {
    error = reason;
  });
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  return {
    async send(): Promise<void> {
      channel.sendToQueue(queue, Buffer.from("still here"));
      await channel.waitForConfirms();
    },
    /** @returns the number of messages in the queue, and the connection's error */
    async leave(): Promise<{ received: number; error: unknown }> {
      const { messageCount } = await channel.checkQueue(queue);
      await connection.close();
      return { received: messageCount, error };
    },
  };
}

/** Repeats some work until it is stopped, and counts. */
function visit(work: () => Promise<void>) {
  const failures: string[] = [];
  let times = 0;
  let isRunning = true;
  const loop = async () => {
    while (isRunning) {
      times += 1;
      await work().catch((error: Error) => failures.push(error.message));
    }
  };
  const done = loop();
  return {
    async stop(): Promise<{ times: number; failures: string[] }> {
      isRunning = false;
      await done;
      return { times, failures };
    },
  };
}
