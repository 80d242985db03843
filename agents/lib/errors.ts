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
