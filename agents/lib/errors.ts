import { dirname } from "node:path";

/**
 * A mistake of the person who runs warren: shown as text with its remedy, never with a stack trace.
 * `subject` is what it is about (a path in a config file, a host, a file), `remedy` what to do next.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
  readonly subject: string;
  readonly remedy: string | undefined;

  constructor(subject: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.subject = subject;
    this.remedy = remedy;
  }

  /** One line for the problem, one for the remedy where there is one. */
  format(): string {
    return `${this.subject}: ${this.message}${this.remedy ? `\n  remedy: ${this.remedy}` : ""}`;
  }
}

/** One thing wrong in a config file: where, what was expected, what was found. */
export interface ConfigIssue {
  /** Dotted path of the value, e.g. `hosts.bunny1.address`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** All that is wrong in one config file, at once, a line each: `path: what is expected, got what`. */
export class ConfigError extends UserError {
  override readonly name: string = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(subject: string, issues: readonly ConfigIssue[], remedy?: string) {
    super(subject, issues.map((issue) => `\n  ${issue.path || "(top level)"}: ${issue.message}`).join(""), remedy);
    this.issues = issues;
  }
}

const fileFaults: Readonly<Record<string, string>> = {
  EACCES: "may not be touched by this user",
  EPERM: "may not be touched by this user",
  EROFS: "is on a file system that is mounted read-only",
  ENOSPC: "finds no room left on its disk",
  EDQUOT: "finds no room left in this user's quota",
  ENOTDIR: "has a file above it where a folder is expected",
  EEXIST: "is a file where a folder is expected",
};

/** A file that rights, mounts or a full disk keep a person from, as a UserError; undefined for any other error. */
export function fileFault(error: unknown): UserError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = "", path } = error as NodeJS.ErrnoException;
  const what = fileFaults[code];
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  // What a write says names no file; of other errors without one none is a file's.
  if (what === undefined || (path === undefined && !isFull)) return undefined;
  const remedy = isFull
    ? "make room on this machine (df -h . ~ /tmp), and give the same command again"
    : "give this user the right to it, or run warren where it has it";
  return new UserError(path ?? "a file that warren writes", `${what} (${code})`, remedy, { cause: error });
}

/** A file of an agent's own that the system refuses to write. */
export function unwritable(file: string, cause: unknown): UserError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy =
    code === "ENOSPC" || code === "EDQUOT"
      ? `make room (df -h ${dirname(file)}): what was written before is kept, and the next write is tried again`
      : `look at owner and mode of ${file}, and at its disk`;
  return new UserError(file, `can't be written: ${message}`, remedy, { cause });
}
