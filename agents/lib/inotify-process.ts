import { type ChildProcess, spawn } from "node:child_process";
import { UserError } from "./errors.ts";
import { type InotifyRecord, RecordReader, recordFormat } from "./inotify-records.ts";
import { endingWithParent } from "./with-parent.ts";

/** `moved_from` only to notice folders that are moved away; `create` for new folders and for files linked into place. */
const watchedEvents = "close_write,moved_to,moved_from,create";

/**
 * An agent killed with SIGKILL can't end its inotifywait, which would stay until its next event. So the kernel is asked to end
 * it. Not in a systemd unit: there the whole unit ends together, and setpriv's capset call is not allowed.
 */
function withOurDeath(command: readonly string[]): readonly string[] {
  const inUnit = process.env.NOTIFY_SOCKET !== undefined;
  return inUnit ? command : endingWithParent(command);
}

export interface InotifyProcess {
  readonly pid: number;
  /** Resolves when every folder is watched; rejects with a UserError that has the remedy, if one is known. */
  readonly established: Promise<void>;
  /** Resolves once, with the reason, when the process has exited. */
  readonly ended: Promise<string>;
  stop(): void;
}

export interface InotifyOptions {
  /** inotifywait, by name or path. */
  readonly command: string;
  readonly folders: readonly string[];
  /** Folders below them that are not watched. */
  readonly leftOut?: readonly string[];
  /** Report each change of content too: about twice as many events. */
  readonly modifications?: boolean;
  readonly onRecord: (record: InotifyRecord) => void;
  /** An error after the start, e.g. that a new folder could not be watched. */
  readonly onComplaint: (error: UserError) => void;
}

const notInstalled = new UserError(
  "inotifywait",
  "is not installed: arrivals in the tree can't be detected without it",
  "apt-get install inotify-tools",
);

/** The meaning of inotifywait's message for the person who runs the agent; undefined if it is not an error. */
export function explainComplaint(line: string): UserError | undefined {
  if (/^(Setting up watches|Watches established|Please increase|Try increasing)/.test(line) || line === "") return;
  if (line.includes("upper limit on inotify watches") || /watch.*No space left on device/.test(line)) {
    return new UserError(
      "fs.inotify.max_user_watches",
      "is too low to watch every folder of the tree",
      "raise it, e.g. sysctl -w fs.inotify.max_user_watches=1048576, and keep it in /etc/sysctl.d/",
    );
  }
  if (/initiali[sz]e inotify.*Too many open files/.test(line) || line.includes("max_user_instances")) {
    return new UserError(
      "fs.inotify.max_user_instances",
      "is used up: this user has no inotify instance left",
      "raise it, e.g. sysctl -w fs.inotify.max_user_instances=1024, and keep it in /etc/sysctl.d/",
    );
  }
  // Gone before it could be watched, or no longer a folder.
  if (/^Couldn't watch new directory .*: (No such file or directory|Not a directory)$/.test(line)) return;
  if (/^setpriv: failed to execute .*No such file/.test(line)) {
    return notInstalled;
  }
  return new UserError("inotifywait", line);
}

/**
 * Starts inotifywait on the folders and everything below them. Its output is passed to `onRecord`, record by record, unbuffered.
 */
export function startInotify(options: InotifyOptions): InotifyProcess {
  const events = options.modifications ? `${watchedEvents},modify` : watchedEvents;
  const flags = ["-m", "-r", "-P", "-e", events, "--no-newline", "--format", recordFormat, "--"];
  const [program = "", ...argv] = withOurDeath([
    ...[options.command, ...flags, ...options.folders],
    ...(options.leftOut ?? []).map((folder) => `@${folder}`),
  ]);
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
  const reader = new RecordReader();
  child.stdout.on("data", (chunk: Buffer) => {
    for (const record of reader.read(chunk)) options.onRecord(record);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    // "close" and not "exit": by then all its output was read, including its last message.
    child.once("close", (code, signal) => resolve(`inotifywait exited (${signal ?? `exit code ${code}`})`));
  });
  const established = watchesEstablished(child, options, ended);
  // A caller that only waits for `ended` must not fail by an unhandled rejection.
  established.catch(() => {});
  return { pid: child.pid ?? 0, established, ended, stop: () => void child.kill("SIGTERM") };
}

function watchesEstablished(child: ChildProcess, options: InotifyOptions, ended: Promise<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    let up = false;
    let complaint: UserError | undefined;
    let rest = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("Watches established")) {
          up = true;
          resolve();
          continue;
        }
        const error = explainComplaint(line);
        if (!error) continue;
        if (up) options.onComplaint(error);
        else complaint ??= error;
      }
    });
    child.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? notInstalled : error));
    void ended.then((reason) => reject(complaint ?? new UserError("inotifywait", reason)));
  });
}
