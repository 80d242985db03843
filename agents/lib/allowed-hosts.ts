import * as z from "zod";

/** A server, in the form that URLs are compared with. */
interface AllowedHost {
  readonly hostname: string;
  /** Absent: any. */
  readonly port?: string;
}

/**
 * Reads a name, an IPv4 or an IPv6 address, each with or without a port: `urp-1`, `urp-1:80`, `::1`, `[::1]:8080`.
 * @returns undefined for anything else
 */
export function parseAllowedHost(text: string): AllowedHost | undefined {
  const isBareAddress = /^[^[\]]*:[^[\]]*:[^[\]]*$/.test(text);
  const [, host = "", port] = isBareAddress
    ? [text, `[${text}]`]
    : (/^(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/.exec(text) ?? []);
  if (host === "" || /[\s/\\?#@%]/.test(host) || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return undefined;
  const url = `http://${host}/`;
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return { hostname, ...(port === undefined ? {} : { port: String(Number(port)) }) };
}

/** A config value: a host, or one port of a host. */
export const allowedHost = z
  .string()
  .refine((text) => parseAllowedHost(text) !== undefined, "expected a host or host:port, e.g. urp-1:80");

/**
 * Whether a URL (http or https) is on one of the hosts. Names are compared without regard to case. A name with DNS's final dot is
 * a different one, because hosts files, by which the stack's servers are found, don't have it.
 */
export function isAllowed({ protocol, hostname, port }: URL, allowedHosts: readonly string[]): boolean {
  const own = { hostname, port: port || (protocol === "https:" ? "443" : "80") };
  return allowedHosts.some((text) => {
    const allowed = parseAllowedHost(text);
    return allowed?.hostname === own.hostname && (allowed.port === undefined || allowed.port === own.port);
  });
}
