/** Why a server refuses a file: permissions, a missing directory, its disk or quota, the name, or another reason. */
export type ServerFault = "permission" | "missing" | "room" | "name" | "other";

/** What a refusal applies to: only this file, all files of its directory, or all files. */
export type RefusalScope = "file" | "directory" | "server";

/** The result of one upload. */
export type PutOutcome =
  /** Complete, under its name, readable. */
  | { readonly kind: "there" }
  /** The local file changed meanwhile: nothing new is under its name on the server. */
  | { readonly kind: "changed" }
  /** The local file can't be read now. */
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "refused"; readonly fault: ServerFault; readonly scope: RefusalScope; readonly reason: string }
  /** The connection was lost; the file may or may not have arrived. */
  | { readonly kind: "lost"; readonly reason: string };

/** The content of an upload. */
export interface UploadSource {
  readonly sizeBytes: number;
  /** In their order. Rejects with `SourceFault`. */
  chunks(): AsyncIterable<Buffer>;
  /** Whether the file is unchanged since the scan. Call it after the last chunk, before the upload becomes readable. */
  isUnchanged(): Promise<boolean>;
}

/** The local file can't be read. */
export class SourceFault extends Error {
  override readonly name = "SourceFault";
}

/** One file for a server. Paths are the server's: absolute, or relative to the login directory. */
export interface Upload {
  /** Empty: the login directory. */
  readonly directory: string;
  readonly name: string;
  /** Its name until it is complete; undefined: its final name, with mode 000. */
  readonly partName: string | undefined;
  readonly source: UploadSource;
}

/** A session with a server. */
export interface ServerConnection {
  /** Limit of uploads in flight. */
  readonly uploadsAtOnce: number;
  /** Why it ended; undefined while it is open. */
  readonly endReason: string | undefined;
  /** Never rejects. A file of the same name is replaced. */
  put(upload: Upload): Promise<PutOutcome>;
  /** Removes a file; a missing one is not an error. Rejects if the server refuses or the connection is lost. */
  remove(path: string): Promise<void>;
  /** Keeps the server from closing an idle connection. Call it now and then, with nothing in flight. Never rejects. */
  keepAlive?(): Promise<void>;
  close(): void;
}

/** How files are placed on the server. */
export interface PlacingRules {
  /** Directories are created below it, but never the root itself. */
  readonly root: string;
  readonly makeDirectories: boolean;
  /** Modes as numbers. */
  readonly fileMode: number;
  readonly directoryMode: number;
}

/** Rejects with a `UserError` if a person has to act, otherwise with the connection's own error. */
export type ConnectToServer = (signal: AbortSignal) => Promise<ServerConnection>;

/** `directory/name`; only the name for the login directory. */
export function remotePath(directory: string, name: string): string {
  if (directory === "") return name;
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

/** The directories from below `root` down to `directory`, outermost first. */
export function directoriesBelow(root: string, directory: string): string[] {
  const rest = directory.slice(root.length).split("/").filter(Boolean);
  return rest.map((_, index) => remotePath(root, rest.slice(0, index + 1).join("/")));
}
