import { dirname } from "node:path";

/**
 * A mistake of the person who runs warren: shown as text with its remedy, never with a stack trace. `subject` is what it is about
 * (a path in a config file, a host, a file), `remedy` what to do next.
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

  /** One line for the problem, one for the remedy if there is one. */
  format(): string {
    return `${this.subject}: ${this.message}${this.remedy ? `\n  remedy: ${this.remedy}` : ""}`;
  }
}

/** One error in a config file: where it is, what was expected, what was found. */
export interface ConfigIssue {
  /** Dotted path of the value, e.g. `hosts.bunny1.address`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** All errors of one config file at once, a line each: `path: what is expected, got what`. */
export class ConfigError extends UserError {
  override readonly name: string = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(subject: string, issues: readonly ConfigIssue[], remedy?: string) {
    super(subject, issues.map((issue) => `\n  ${issue.path || "(top level)"}: ${issue.message}`).join(""), remedy);
    this.issues = issues;
  }
}

const fileFaults: Readonly<Record<string, string>> = {
  EACCES: "may not be accessed by this user",
  EPERM: "may not be accessed by this user",
  EROFS: "is on a file system that is mounted read-only",
  ENOSPC: "has no space left on its disk",
  EDQUOT: "has no space left in this user's quota",
  ENOTDIR: "has a file in its path where a folder is expected",
  EEXIST: "is a file, but a folder is expected",
};

/** A UserError for a file that can't be accessed because of permissions, mounts or a full disk; undefined for any other error. */
export function fileFault(error: unknown): UserError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = "", path } = error as NodeJS.ErrnoException;
  const what = fileFaults[code];
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  // A write error names no file; other errors without a file are not about files.
  if (what === undefined || (path === undefined && !isFull)) return undefined;
  const remedy = isFull
    ? "make room on this machine (df -h . ~ /tmp), and run the same command again"
    : "give this user access to it, or run warren where it has access";
  return new UserError(path ?? "a file that warren writes", `${what} (${code})`, remedy, { cause: error });
}

/** The error for an agent's own file that the system refuses to write. */
export function unwritable(file: string, cause: unknown): UserError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy =
    code === "ENOSPC" || code === "EDQUOT"
      ? `make room (df -h ${dirname(file)}): what was written before is kept, and the next write is tried again`
      : `check the owner and mode of ${file}, and its disk`;
  return new UserError(file, `can't be written: ${message}`, remedy, { cause });
}
