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

/** A client's login over TLS. */
async function connectAmqps(hostname: string): Promise<ChannelModel> {
  const { config, broker, ca } = await brokerSubject();
  const login = { username: "feeder", password: passwordOf(config, "feeder") };
  // As large as RabbitMQ's own setting has it.
  const frameMax = 131_072;
  return connect({ protocol: "amqps", hostname, port: broker.tlsPort, frameMax, ...login }, { ca: [ca] });
}

export function certificates(): void {
  part("TLS", () => {
    it("lets in a client that knows the CA, at every member and at the virtual address", async () => {
      const { config, members } = await brokerSubject();
      for (const address of [...members.map((member) => member.address), brokerVirtualIp(config).address]) {
        const connection = await connectAmqps(address);
        // What may be nested in a frame of the broker's own size ends it.
        expect(connection.connection).toMatchObject({ frameMax: 32_768 });
        await connection.close();
      }
    });

    it.each(["tlsPort", "management"] as const)("fails for a client that doesn't, on the %s", async (which) => {
      const { broker, first, ca } = await brokerSubject();
      const port = which === "tlsPort" ? broker.tlsPort : broker.management.port;
      (await handshake(first.address, port, { ca })).destroy();
      await expect(handshake(first.address, port, {})).rejects.toThrow(/self-signed|unable to (verify|get local)/);
      await expect(handshake(first.address, port, { ca, servername: "elsewhere" })).rejects.toThrow(/does not match/);
    });

    it.each(["TLSv1", "TLSv1.1"] as const)("doesn't speak %s", async (version) => {
      const { broker, first, ca } = await brokerSubject();
      // What the client would do without complaint: it is the server that says no.
      const old = { ca, minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
      for (const port of [broker.tlsPort, broker.management.port]) {
        await expect(handshake(first.address, port, old)).rejects.toThrow(/alert protocol version/);
      }
    });

    it("shows no key to anybody but the broker: not to others on its host, not in the state, not in logs", async () => {
      const { members } = await brokerSubject();
      expectHidden(await secretPlaces(), new Map([["a key", "-----BEGIN PRIVATE KEY-----"]]));
      for (const { name } of members) {
        expect(await textOf(name, "stat -c '%a %U' /etc/rabbitmq/tls/server.pem")).toBe("400 rabbitmq");
      }
    });

    rotation();
  });
}

/** Not a restart, not a broken connection, not a refused one. */
function rotation(): void {
  it("changes to a new CA and new certificates while clients come, stay and go", async () => {
    const { config, broker, members, first, outsider, ca } = await brokerSubject();
    const shown = async (trusted: string) => peerOf(first.address, broker.tlsPort, trusted);
    const now = async () => (await readOperatorCa(lab)) ?? "";
    const runs = () =>
      Promise.all(members.map(({ name }) => textOf(name, "systemctl show -p InvocationID --value rabbitmq-server")));
    const [before, peerBefore] = [await runs(), await shown(ca)];
    const guest = await stay(first.address);
    // From here with the file that the operator's side has, from a host with the one that hosts have: each as it is at that moment.
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

  // The file says the former generation again, which is another change; after it hosts and file are of one mind.
  it("keeps the certificates that every host trusts while one host can't get the new CA", async () => {
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

/** Whose certificate a server shows, to somebody who trusts these CAs. */
async function peerOf(address: string, port: number, ca: string): Promise<{ serial: string; issuer: string }> {
  const socket = await handshake(address, port, { ca });
  try {
    const { serialNumber, issuer } = socket.getPeerCertificate();
    return { serial: serialNumber, issuer: String(issuer.CN) };
  } finally {
    socket.destroy();
  }
}

/** A connection that lasts, and publishes confirmed messages to a queue of its own. */
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
    /** Says how many messages came to the queue, and what has happened to the connection. */
    async leave(): Promise<{ received: number; error: unknown }> {
      const { messageCount } = await channel.checkQueue(queue);
      await connection.close();
      return { received: messageCount, error };
    },
  };
}

/** Does something over and over until it is told to stop, and counts. */
function visit(work: () => Promise<void>) {
  const failures: string[] = [];
  let times = 0;
  let going = true;
  const loop = async () => {
    while (going) {
      times += 1;
      await work().catch((error: Error) => failures.push(error.message));
    }
  };
  const done = loop();
  return {
    async stop(): Promise<{ times: number; failures: string[] }> {
      going = false;
      await done;
      return { times, failures };
    },
  };
}
