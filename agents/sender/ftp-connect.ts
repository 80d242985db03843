import { readFile } from "node:fs/promises";
import { Client, FTPError } from "basic-ftp";
import { UserError } from "../lib/errors.ts";
import type { FtpConfig } from "./config.ts";
import { FtpConnection } from "./ftp-connection.ts";
import type { PlacingRules, ServerConnection } from "./server-port.ts";
import { readPassword } from "./sftp-connect.ts";

/** The mask under which a new file has mode 000. */
const lockedMask = "777";
const notLoggedIn = 530;

/**
 * Logs in by FTP. The password is read again each time.
 *
 * @throws UserError if the login fails, or if the server can't lock by umask as configured; the connection's own error otherwise
 */
export async function connectFtp(
  server: FtpConfig["server"],
  rules: PlacingRules,
  lock: FtpConfig["lock"],
  signal: AbortSignal,
): Promise<ServerConnection> {
  const { host, port, user, passwordFile, tls } = server;
  const client = new Client(server.connectTimeoutMs);
  const abort = () => client.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const password = await readPassword(passwordFile);
    const ca = tls ? await readFile(tls.caFile) : undefined;
    await client.connect(host, port);
    if (tls) await client.useTLS({ ca, host, servername: servernameOf(host) });
    await client.login(user, password).catch((error: unknown) => {
      if (!(error instanceof FTPError) || error.code !== notLoggedIn) throw error;
      const remedy = `check ${passwordFile}, and the server's log for the user, its shell and its home`;
      throw new UserError(host, `doesn't let ${user} in: ${error.message}`, remedy, { cause: error });
    });
    await client.useDefaultSettings();
    if (lock === "umask") await lockByUmask(client, host);
    return new FtpConnection(client, server, rules);
  } catch (error) {
    client.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function lockByUmask(client: Client, host: string): Promise<void> {
  await client.ftp.request(`SITE UMASK ${lockedMask}`).catch((error: unknown) => {
    if (!(error instanceof FTPError)) throw error;
    const remedy = 'set "lock": ".tmp": names then end in .tmp until the files are complete';
    throw new UserError(host, `can't lock by umask: ${error.message}`, remedy, { cause: error });
  });
}

/** The name for SNI, which must not be an address. */
function servernameOf(host: string): string | undefined {
  return /^[\d.]+$|:/.test(host) ? undefined : host;
}
