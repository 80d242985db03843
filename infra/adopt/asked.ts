import type { FoundHost } from "./answer.ts";
import type { GivenPasswords } from "./passwords.ts";

/** A host with its answer and its address. */
export interface AskedHost {
  /** As given on the command line. */
  readonly given: string;
  readonly address: string;
  readonly host: FoundHost;
}

export interface AdoptOptions {
  readonly stack: string;
  /** `warren:ssh` of the stack file. */
  readonly ssh: Readonly<Record<string, string | number>>;
  readonly passwords: GivenPasswords;
  /** The user that warren logs in as; default: an administrator with a given password, preferably `root`. */
  readonly administrator?: string | undefined;
  /** Queues with matching names are managed. */
  readonly queues: RegExp;
}
