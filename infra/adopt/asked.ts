import type { FoundHost } from "./answer.ts";
import type { GivenPasswords } from "./passwords.ts";

/** A host that was asked, and how it is logged in to. */
export interface AskedHost {
  /** As the person named it. */
  readonly given: string;
  readonly address: string;
  readonly host: FoundHost;
}

export interface AdoptOptions {
  readonly stack: string;
  /** `warren:ssh` of the stack file. */
  readonly ssh: Readonly<Record<string, string | number>>;
  readonly passwords: GivenPasswords;
  /** The user that warren works as; left out: an administrator whose password is given, `root` first. */
  readonly administrator?: string | undefined;
  /** Queues whose names match are managed. */
  readonly queues: RegExp;
}
