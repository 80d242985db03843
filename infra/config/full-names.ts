type Places = Readonly<
  Record<string, { readonly fqdn?: string | undefined; readonly aliases?: readonly string[] | undefined }>
>;

/** The part of a stack's config that has names. */
interface Named {
  readonly domain?: string | undefined;
  readonly hosts: Places;
  readonly virtualIps: Places;
}

/** The full name of a host or virtual IP: its `fqdn`, else its name in the stack's domain, else its name alone. */
export function fullNameOf({ domain, hosts, virtualIps }: Named, name: string): string {
  const own = (hosts[name] ?? virtualIps[name])?.fqdn;
  return own ?? (domain === undefined ? name : `${name}.${domain}`);
}

/** All names of a host or virtual IP: the full one, that in the stack, and its aliases. */
export const namesOf = (config: Named, name: string): string[] => [
  ...new Set([fullNameOf(config, name), name, ...(config.hosts[name]?.aliases ?? [])]),
];

/** A base URL with a host's names filled in: `${fqdn}` is its full name, `${host}` its name in the stack. */
export const withNames = (baseUrl: string, names: { readonly fqdn: string; readonly host: string }): string =>
  baseUrl.replaceAll(/\$\{(fqdn|host)\}/g, (_, key: "fqdn" | "host") => names[key]);

/** The base URL in the announcements of a radar server. */
export const announcedBaseUrl = (
  config: Named & { readonly announcements: { readonly baseUrl: string } },
  host: string,
): string => withNames(config.announcements.baseUrl, { fqdn: fullNameOf(config, host), host });

/** The hosts in the announcements of a radar server: its name in the stack was there before it had a full name. */
export const announcedHosts = (config: Parameters<typeof announcedBaseUrl>[0], host: string): string[] => [
  ...new Set([new URL(announcedBaseUrl(config, host)).host, host]),
];
