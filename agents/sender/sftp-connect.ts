import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { Client, type ConnectConfig, type SFTPWrapper } from "ssh2";
import { UserError } from "../lib/errors.ts";
import { joinWrites } from "../lib/socket.ts";
import type { SftpConfig } from "./config.ts";
import { algorithmsOf, fingerprintOf, knownKeys } from "./host-keys.ts";
import type { PlacingRules, ServerConnection } from "./server-port.ts";
import { SftpConnection } from "./sftp-connection.ts";

type SftpServer = SftpConfig["server"];

/** After so many unanswered keep-alives the connection counts as dead. */
const keepAlivesMax = 3;
/** Fast on processors with AES instructions, and not implemented in JavaScript. */
const ciphersFirst = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"] as const;

/**
 * Logs in by SFTP. Key, password and known hosts are read again each time.
 *
 * @throws UserError if the host shows an unknown key, or if the login fails; the connection's own error otherwise
 */
export async function connectSftp(
  server: SftpServer,
  rules: PlacingRules,
  signal: AbortSignal,
): Promise<ServerConnection> {
  const known = await hostVerification(server);
  const secrets = {
    ...(server.keyFile === undefined ? {} : { privateKey: await readFile(server.keyFile) }),
    ...(server.passwordFile === undefined ? {} : { password: await readPassword(server.passwordFile) }),
  };
  const client = new Client();
  const sock = connect({ host: server.host, port: server.port });
  // The library writes each request separately, which would wake up the server for each.
  joinWrites(sock);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const abort = () => failed.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  // Also covers a server that goes silent after the login, where the library's own timeout ends.
  const timeout = setTimeout(
    () => failed.reject(new Error(`no answer within ${server.connectTimeoutMs} ms`)),
    server.connectTimeoutMs,
  );
  client.on("error", (error) => failed.reject(known.fault ?? explain(error, server)));
  client.on("close", () => failed.reject(known.fault ?? new Error("the server closed the connection")));
  try {
    const ready = new Promise<void>((resolve) => client.once("ready", resolve));
    client.connect({
      ...{ sock, username: server.user, ...secrets },
      ...{ keepaliveInterval: server.idleTimeoutMs / keepAlivesMax, keepaliveCountMax: keepAlivesMax },
      readyTimeout: server.connectTimeoutMs,
      hostVerifier: known.verify,
      algorithms: { cipher: { prepend: [...ciphersFirst], append: [], remove: [] }, ...known.algorithms },
    });
    await Promise.race([ready, failed.promise]);
    const sftp = await Promise.race([openSftp(client), failed.promise]);
    return new SftpConnection(client, sftp, server, rules);
  } catch (error) {
    client.destroy();
    sock.destroy();
    throw error;
  } finally {
    clearTimeout(timeout);
    signal.removeEventListener("abort", abort);
  }
}

function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) =>
    client.sftp((error, sftp) =>
      error ? reject(new Error(`the server doesn't offer SFTP to this user: ${error.message}`)) : resolve(sftp),
    ),
  );
}

interface HostVerification {
  readonly verify: (key: Buffer) => boolean;
  readonly algorithms: Pick<NonNullable<ConnectConfig["algorithms"]>, "serverHostKey">;
  /** Set if the host showed an unknown key. */
  readonly fault: UserError | undefined;
}

async function hostVerification({ host, port, knownHostsFile, hostKeys }: SftpServer): Promise<HostVerification> {
  const lines = knownHostsFile === undefined ? [] : knownKeys(await readFile(knownHostsFile, "utf8"), host, port);
  const good = new Set(hostKeys);
  for (const { key, isRevoked } of lines) if (!isRevoked) good.add(fingerprintOf(key));
  for (const { key, isRevoked } of lines) if (isRevoked) good.delete(fingerprintOf(key));
  const scan = `ssh-keyscan -p ${port} ${host}`;
  if (good.size === 0) {
    const remedy = `compare with the keys on the host, then add the output of: ${scan}`;
    throw new UserError(host, `${knownHostsFile} has no key for it`, remedy);
  }
  // A fingerprint doesn't reveal the type of its key.
  const serverHostKey = hostKeys.length === 0 ? algorithmsOf(lines) : [];
  const verification = {
    fault: undefined as UserError | undefined,
    algorithms: (serverHostKey.length === 0 ? {} : { serverHostKey }) as HostVerification["algorithms"],
    verify: (key: Buffer) => {
      const shown = fingerprintOf(key);
      if (good.has(shown)) return true;
      const remedy = `if its key was changed on purpose, compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and put it into ${knownHostsFile ?? "hostKeys"} (${scan}); otherwise this may be an attack`;
      const message = `shows the host key ${shown}, expected ${[...good].join(" or ")}: nothing is sent`;
      verification.fault = new UserError(host, message, remedy);
      return false;
    },
  };
  return verification;
}

function explain(error: Error & { level?: string }, { user, host, keyFile, passwordFile }: SftpServer): Error {
  if (error.level !== "client-authentication") return error;
  const by = [keyFile, passwordFile].filter((file) => file !== undefined).join(" and ");
  const remedy = `try ssh -i KEY ${user}@${host}, and read the host's log`;
  return new UserError(host, `doesn't let ${user} in with ${by}`, remedy, { cause: error });
}

/** Reads a file that contains only a password. A final line break is not part of it. */
export async function readPassword(file: string): Promise<string> {
  return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
}
