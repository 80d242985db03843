import { createHash } from "node:crypto";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import ssh2 from "ssh2";
import { abortable } from "./abortable.ts";
import { type Endpoint, endpointName, parseHostKey } from "./connection.ts";

/** Why a login to a host failed. Only `unreachable` may mean that the machine is gone. */
export type DialFailure = "unreachable" | "authentication" | "host key" | "settings";

interface DialErrorOptions extends ErrorOptions {
  /** A retry is pointless, or all retries have failed. */
  readonly final?: boolean;
}

export class DialError extends Error {
  override readonly name = "DialError";
  readonly failure: DialFailure;
  readonly final: boolean;

  constructor(failure: DialFailure, message: string, options: DialErrorOptions = {}) {
    super(message, options);
    this.failure = failure;
    this.final = options.final ?? (failure === "settings" || failure === "host key");
  }
}

/** Cheapest first: AES-GCM uses processor instructions and needs no separate MAC. */
const ciphers = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  "chacha20-poly1305@openssh.com",
] as const;

/** A dead peer is noticed after three unanswered keepalives, 5 s apart. */
const keepalive = { keepaliveInterval: 5000, keepaliveCountMax: 3 };

const firstPauseMs = 100;
const pauseMsMax = 5000;

export interface DialOptions {
  readonly signal: AbortSignal;
  /** Opens a stream to the host; default: TCP. */
  readonly open?: () => Promise<Duplex>;
  readonly onRetry: (message: string) => void;
}

/**
 * Logs in to a host. Failed attempts are repeated after growing pauses until the endpoint's dialErrorLimit is exceeded. Wrong settings and a
 * wrong host key are final, because a retry can't help.
 */
export async function dial(endpoint: Endpoint, options: DialOptions): Promise<Client> {
  const limit = endpoint.dialErrorLimit;
  for (let failed = 1; ; failed++) {
    options.signal.throwIfAborted();
    try {
      return await attempt(endpoint, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof DialError) || error.final) throw error;
      if (limit >= 0 && failed > limit) {
        throw new DialError(error.failure, `${error.message} (${failed} attempts)`, { cause: error, final: true });
      }
      options.onRetry(`${error.message}; attempt ${failed} of ${limit < 0 ? "any number" : limit + 1}, trying again`);
      const pauseMs = Math.min(firstPauseMs * 1.5 ** (failed - 1), pauseMsMax);
      await sleep(pauseMs * (0.75 + Math.random() / 2), undefined, { signal: options.signal });
    }
  }
}

async function attempt(endpoint: Endpoint, { signal, open }: DialOptions): Promise<Client> {
  const keyCheck: KeyCheck = { refusal: undefined };
  const config = clientConfig(endpoint, keyCheck);
  const deadline = endpoint.perDialTimeout > 0 ? [AbortSignal.timeout(endpoint.perDialTimeout * 1000)] : [];
  const ended = AbortSignal.any([signal, ...deadline]);
  const name = endpointName(endpoint);
  try {
    const socket = await abortable(open?.() ?? openTcp(endpoint, ended), ended);
    return await logIn({ ...config, sock: socket }, socket, ended);
  } catch (error) {
    if (keyCheck.refusal !== undefined) throw new DialError("host key", `${name}: ${keyCheck.refusal}`);
    if (error instanceof DialError) throw error;
    if (ended.aborted) throw new DialError("unreachable", `${name}: no answer within ${endpoint.perDialTimeout} s`);
    throw explain(endpoint, error as Error & { level?: string });
  }
}

function explain(endpoint: Endpoint, error: Error & { level?: string }): DialError {
  const name = endpointName(endpoint);
  if (error.level === "client-authentication") {
    return new DialError("authentication", `${name}: the host refused the login key`);
  }
  if (/no matching host key/i.test(error.message)) {
    const wanted = parseHostKey(endpoint.hostKey)?.type;
    return new DialError(
      "host key",
      `${name}: the host has no key of the pinned type ${wanted}; hostKey is out of date`,
    );
  }
  return new DialError("unreachable", `${name}: ${error.message || "connection refused"}`, { cause: error });
}

async function openTcp({ host, port }: Endpoint, signal: AbortSignal): Promise<Duplex> {
  const socket = connectTcp({ host, port, noDelay: true });
  const stop = () => socket.destroy(new Error("stopped"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return socket;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function logIn(config: ConnectConfig, socket: Duplex, signal: AbortSignal): Promise<Client> {
  const client = new ssh2.Client();
  const stop = () => socket.destroy(new Error("stopped"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve);
      // A connection reset emits two errors. Without a listener the second would crash the process.
      client.on("error", reject);
      client.once("close", () => reject(new Error("the host closed the connection")));
      client.connect(config);
    });
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

interface KeyCheck {
  refusal: string | undefined;
}

function clientConfig(endpoint: Endpoint, check: KeyCheck): ConnectConfig {
  const hostKey = parseHostKey(endpoint.hostKey);
  if (hostKey === undefined) throw new DialError("settings", `${endpointName(endpoint)}: hostKey is not a public key`);
  // Checked here, because the library's own error comes too late to be distinguished.
  const parsed = ssh2.utils.parseKey(endpoint.privateKey);
  if (parsed instanceof Error) {
    throw new DialError("settings", `${endpointName(endpoint)}: privateKey can't be used: ${parsed.message}`);
  }
  return {
    username: endpoint.user,
    ...keepalive,
    readyTimeout: 0, // attempt() has its own deadline, which includes opening the stream
    algorithms: { cipher: [...ciphers], serverHostKey: signatureAlgorithms(hostKey.type) },
    authHandler: ["publickey"],
    privateKey: endpoint.privateKey,
    hostVerifier: (offered: Buffer) => {
      if (offered.equals(hostKey.blob)) return true;
      check.refusal = `the host's key (${fingerprint(offered)}) is not the pinned one (${fingerprint(hostKey.blob)}): the host was reinstalled, or another machine answers at its address`;
      return false;
    },
  };
}

/** RSA keys sign with newer hashes under other names than the key's own. */
function signatureAlgorithms(type: string): ServerHostKeyAlgorithm[] {
  const names = type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type];
  return names as ServerHostKeyAlgorithm[];
}

function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
