import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Log } from "./log.ts";

/**
 * Sends each NUL-terminated record of its input to systemd as one datagram. Perl is on every Debian host (`perl-base`) and starts
 * in a few milliseconds. The end of its input means that the agent has exited. It ignores signals, because systemd sends them to
 * the agent's whole unit while the agent drains.
 */
const forwarder = `
use Socket;
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = "IGNORE";
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!\\n";
(my $name = $ENV{NOTIFY_SOCKET}) =~ s/^@/\\0/;
$/ = "\\0";
while (defined(my $record = <STDIN>)) {
  chomp $record;
  defined send($socket, $record, 0, pack_sockaddr_un($name)) or die "send to $ENV{NOTIFY_SOCKET}: $!\\n";
}
`;
/** Between the exit of one forwarder and the start of the next. */
const repairPauseMs = 1000;

/**
 * Notifies systemd of the service's state. Node has no unix datagram sockets, so a child sends the messages (the unit has
 * `NotifyAccess=all`). Without NOTIFY_SOCKET, in a terminal, nothing is sent. The child lives as long as the agent. If it exits
 * earlier, a new one sends the current state again.
 */
export class SystemNotify {
  readonly #log: Log;
  readonly #enabled = process.env.NOTIFY_SOCKET !== undefined;
  /** The latest value of each field. */
  readonly #fields = new Map<string, string>();
  #child: ChildProcess | undefined;
  #repair: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(log: Log) {
    this.#log = log;
  }

  send(fields: Readonly<Record<string, string>>): void {
    if (!this.#enabled || this.#isClosed) return;
    for (const [name, value] of Object.entries(fields)) this.#fields.set(name, value);
    if (this.#child) this.#write(Object.entries(fields));
    else if (this.#repair === undefined) this.#start();
  }

  /**
   * Sends a heartbeat at half of the unit's WatchdogSec. It comes from the event loop: a hanging loop misses it, which is what the watchdog detects.
   */
  startWatchdog(): void {
    const allowedMs = Number(process.env.WATCHDOG_USEC ?? 0) / 1000;
    if (!this.#enabled || !(allowedMs > 0)) return;
    this.#watchdog = setInterval(() => this.send({ WATCHDOG: "1" }), allowedMs / 2);
    this.#watchdog.unref();
  }

  /** Resolves once everything sent so far has reached systemd. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#watchdog);
    clearTimeout(this.#repair);
    const child = this.#child;
    if (!child) return;
    const ended = once(child, "close");
    child.stdin?.end();
    await ended;
  }

  #start(): void {
    const env = { PATH: process.env.PATH, NOTIFY_SOCKET: process.env.NOTIFY_SOCKET, LC_ALL: "C" };
    const child = spawn("perl", ["-e", forwarder], { stdio: ["pipe", "ignore", "pipe"], env });
    this.#child = child;
    let why = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      why = `${why}${text}`.slice(-1000);
    });
    child.on("error", (error) => {
      why = error.message;
    });
    // It has exited, which "close" reports.
    child.stdin.on("error", () => {});
    child.once("close", (code, signal) => {
      this.#child = undefined;
      if (this.#isClosed) return;
      const reason = why.trim() || (signal ?? `exit code ${code}`);
      this.#log.warn(
        { reason },
        "the process that notifies systemd of this agent's state exited: systemd may restart the agent",
      );
      this.#repair = setTimeout(() => {
        this.#repair = undefined;
        this.#start();
      }, repairPauseMs).unref();
    });
    this.#write(this.#fields);
  }

  #write(fields: Iterable<readonly [name: string, value: string]>): void {
    const lines = [...fields].map(([name, value]) => `${name}=${value.replaceAll(/[\n\0]/g, " ")}`);
    this.#child?.stdin?.write(`${lines.join("\n")}\0`);
  }
}
