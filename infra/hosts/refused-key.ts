/** ssh's report of a host whose key isn't the pinned one. */
export interface RefusedKey {
  /** `SHA256:…` of the key that was offered; absent if the host offers no key of the pinned type. */
  readonly offered?: string;
}

/** @param stderr standard error of ssh(1) @returns undefined if the host was not refused because of its key */
export function refusedKey(stderr: string): RefusedKey | undefined {
  if (/^Host key for \S+ has changed and you have requested strict checking/m.test(stderr)) {
    const offered = /key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)/.exec(stderr)?.[1];
    return offered ? { offered } : {};
  }
  return /^No \S+ host key is known for \S+ and you have requested strict checking/m.test(stderr) ? {} : undefined;
}
