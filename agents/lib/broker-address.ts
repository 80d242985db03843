import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { credentials, type Options, type SocketOptions } from "amqplib";
import { type BrokerConfig, tlsScheme } from "./config.ts";
import { UserError } from "./errors.ts";

/** The connection options that amqplib gets. */
export interface ConnectionOptions {
  readonly address: Options.Connect;
  readonly socket: SocketOptions;
}

/**
 * Where and how amqplib connects. It reads the address and asks for credentials at every attempt, so everything is looked up
 * then: hosts are tried in turn, and a password or CA that was changed on disk takes effect.
 *
 * Over TLS the broker's certificate must be valid for the name or address in `hosts`.
 */
export function connectionOptionsOf(config: BrokerConfig, name: string, currentHost: () => string): ConnectionOptions {
  // amqplib copies its options once, but keeps the reference to this list, which is filled at each attempt.
  const ca: string[] = [];
  const current = () => splitHost(currentHost());
  return {
    address: {
      vhost: encodeURIComponent(config.vhost),
      heartbeat: config.heartbeatSeconds,
      get protocol(): string {
        const { protocol } = current();
        if (protocol === "amqps" && config.tls) ca.splice(0, ca.length, readCertificates(config.tls.caFile));
        return protocol;
      },
      get hostname(): string {
        return current().hostname;
      },
      get port(): number {
        return current().port;
      },
    },
    socket: {
      timeout: config.connectTimeoutMs,
      noDelay: true,
      keepAlive: true,
      keepAliveDelay: config.heartbeatSeconds * 1000,
      ca,
      minVersion: "TLSv1.2",
      clientProperties: { connection_name: `${name}@${hostname()}` },
      credentials: {
        mechanism: "PLAIN",
        response: () => credentials.plain(config.user, readPassword(config.passwordFile)).response(),
      },
    },
  };
}

/** The password only, without the newline that editors add. */
export function readPassword(file: string): string {
  const fault = (what: string) =>
    new UserError("broker.passwordFile", what, "write the broker user's password, and nothing else, into that file");
  let password: string;
  try {
    password = readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw fault(`can't be read: ${(error as Error).message}`);
  }
  if (password === "") throw fault(`${file} is empty`);
  return password;
}

function readCertificates(file: string): string {
  const fault = (what: string) =>
    new UserError("broker.tls.caFile", what, "write the CA's certificate into that file, in PEM");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw fault(`can't be read: ${(error as Error).message}`);
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw fault(`${file} contains no certificate`);
  return text;
}

function splitHost(text: string): { protocol: "amqp" | "amqps"; hostname: string; port: number } {
  const secure = text.startsWith(tlsScheme);
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(secure ? text.slice(tlsScheme.length) : text);
  const port = Number(match?.[3] ?? (secure ? 5671 : 5672));
  return { protocol: secure ? "amqps" : "amqp", hostname: match?.[1] ?? match?.[2] ?? text, port };
}
