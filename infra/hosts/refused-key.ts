/** What ssh said of a host whose key isn't the pinned one. */
export interface RefusedKey {
  /** `SHA256:…` of the key that was offered; ssh doesn't say it where the host offers none of the pinned type. */
  readonly offered?: string;
}

/** @param said standard error of ssh(1) @returns undefined where the host was not refused for its key */
export function refusedKey(said: string): RefusedKey | undefined {
  if (/^Host key for \S+ has changed and you have requested strict checking/m.test(said)) {
    const offered = /key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)/.exec(said)?.[1];
    return offered ? { offered } : {};
  }
  return /^No \S+ host key is known for \S+ and you have requested strict checking/m.test(said) ? {} : undefined;
}
