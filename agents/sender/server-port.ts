/** What a server has against a file: this user's rights, a directory that isn't there, its disk or quota, the name, something else. */
export type ServerFault = "permission" | "missing" | "room" | "name" | "other";

/** What a refusal is about: others of the same directory, or all, are refused likewise. */
export type RefusalScope = "file" | "directory" | "server";

/** What became of one upload. */
export type PutOutcome =
  /** Whole, under its name, readable. */
  | { readonly kind: "there" }
  /** The file here became another one meanwhile: nothing new is under its name there. */
  | { readonly kind: "changed" }
  /** The file here can't be read now. */
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "refused"; readonly fault: ServerFault; readonly scope: RefusalScope; readonly reason: string }
  /** The connection went; nobody knows how far it came. */
  | { readonly kind: "lost"; readonly reason: string };

/** Bytes to be sent. */
export interface UploadSource {
  readonly sizeBytes: number;
  /** In their order. Rejects with `SourceFault`. */
  chunks(): AsyncIterable<Buffer>;
  /** Whether it is still the file that was looked at: asked after the last chunk, before anybody may read the upload. */
  isUnchanged(): Promise<boolean>;
}

/** The file here can't be read. */
export class SourceFault extends Error {
  override readonly name = "SourceFault";
}

/** One file for a server. Paths are the server's: absolute, or from where the login began. */
export interface Upload {
  /** Empty: where the login began. */
  readonly directory: string;
  readonly name: string;
  /** Its name until it is whole; undefined: its own, and mode 000. */
  readonly partName: string | undefined;
  readonly source: UploadSource;
}

/** A server that has let us in. */
export interface ServerConnection {
  /** So many uploads may be under way. */
  readonly uploadsAtOnce: number;
  /** Why it ended; undefined while it lasts. */
  readonly endReason: string | undefined;
  /** Never rejects. A file of the same name is replaced. */
  put(upload: Upload): Promise<PutOutcome>;
  /** Removes a file; fine where there is none. Rejects where the server refuses, or is gone. */
  remove(path: string): Promise<void>;
  /** Keeps the server from ending a connection that is not used; called now and then, with nothing under way. Never rejects. */
  keepAlive?(): Promise<void>;
  close(): void;
}

/** How files are put down there. */
export interface PlacingRules {
  /** Below this directories are made; it is never made itself. */
  readonly root: string;
  readonly makeDirectories: boolean;
  /** Modes as numbers. */
  readonly fileMode: number;
  readonly directoryMode: number;
}

/** Rejects with a `UserError` where a person has to do something, with the connection's own error otherwise. */
export type ConnectToServer = (signal: AbortSignal) => Promise<ServerConnection>;

/** `directory/name`; the name alone where a login began. */
export function remotePath(directory: string, name: string): string {
  if (directory === "") return name;
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

/** The directories from below `root` down to `directory`, outermost first. */
export function directoriesBelow(root: string, directory: string): string[] {
  const rest = directory.slice(root.length).split("/").filter(Boolean);
  return rest.map((_, index) => remotePath(root, rest.slice(0, index + 1).join("/")));
}
