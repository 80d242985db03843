import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { credentials, type Options, type SocketOptions } from "amqplib";
import type { BrokerConfig } from "./config.ts";
import { UserError } from "./errors.ts";

/**
 * Where amqplib connects to. It reads address and credentials anew at every attempt, so both are asked for then: hosts are
 * tried in turn, and a password that was changed on disk is taken up.
 */
export function addressOf(config: BrokerConfig, currentHost: () => string): Options.Connect {
  return {
    protocol: "amqp",
    vhost: encodeURIComponent(config.vhost),
    heartbeat: config.heartbeatSeconds,
    get hostname(): string {
      return splitHost(currentHost()).hostname;
    },
    get port(): number {
      return splitHost(currentHost()).port;
    },
  };
}

export function socketOptionsOf(config: BrokerConfig, name: string): SocketOptions {
  return {
    timeout: config.connectTimeoutMs,
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: config.heartbeatSeconds * 1000,
    clientProperties: { connection_name: `${name}@${hostname()}` },
    credentials: {
      mechanism: "PLAIN",
      response: () => credentials.plain(config.user, readPassword(config.passwordFile)).response(),
    },
  };
}

/** The password alone, without the newline that editors add. */
export function readPassword(file: string): string {
  const fault = (what: string) =>
    new UserError("broker.passwordFile", what, "write the broker user's password, alone, into that file");
  let password: string;
  try {
    password = readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw fault(`can't be read: ${(error as Error).message}`);
  }
  if (password === "") throw fault(`${file} is empty`);
  return password;
}

function splitHost(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  return { hostname: match?.[1] ?? match?.[2] ?? text, port: Number(match?.[3] ?? 5672) };
}
