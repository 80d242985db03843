import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { isIP, SocketAddress } from "node:net";
import { networkInterfaces } from "node:os";
import type { Log } from "./log.ts";
import { logEvents } from "./log-events.ts";
import { endingWithParent } from "./with-parent.ts";

/**
 * The kernel's event arrives at once. The list is also checked this often: if `ip` is missing or its events stop, a change is
 * seen within half a second even on a busy host.
 */
const pollMs = 250;
const restartMs = 5000;

interface AddressEvents {
  held: [];
  gone: [];
}

/**
 * Watches whether this host holds an address (a virtual IP). `ip monitor address` reports that something changed (netlink); the
 * list of addresses then shows the state. An address on an interface without a carrier counts as gone, because it can't be
 * reached.
 */
export class AddressWatch extends EventEmitter<AddressEvents> {
  readonly #address: string;
  readonly #log: Log;
  #held = false;
  #stopped = false;
  #monitor: ChildProcess | undefined;
  #poll: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(address: string, log: Log) {
    super();
    this.#address = address;
    this.#log = log;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Process id of `ip monitor` while it runs; without it addresses are only polled. */
  get monitorPid(): number | undefined {
    return this.#monitor?.pid;
  }

  start(): void {
    this.#check();
    this.#poll = setInterval(() => this.#check(), pollMs);
    this.#startMonitor();
  }

  /** Stops at once; nothing is emitted afterwards. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#restart);
    this.#monitor?.kill("SIGKILL");
  }

  #check(): void {
    if (this.#stopped) return;
    const held = holdsAddress(this.#address, networkInterfaces());
    if (held === this.#held) return;
    this.#held = held;
    this.#log.info(
      { event: held ? logEvents.addressHeld : logEvents.addressLeft, address: this.#address },
      held ? "this host now holds the virtual IP" : "this host no longer holds the virtual IP",
    );
    this.emit(held ? "held" : "gone");
  }

  #startMonitor(): void {
    const [command, ...args] = endingWithParent(["ip", "monitor", "address", "link"], "KILL");
    const monitor = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#monitor = monitor;
    monitor.stdout.on("data", () => this.#check());
    monitor.on("error", (error) => this.#log.debug({ err: error }, `"ip monitor" can't be run`));
    monitor.on("close", (code, signal) => {
      this.#monitor = undefined;
      if (this.#stopped) return;
      this.#log.warn({ code, signal }, `"ip monitor" exited: polling addresses every ${pollMs} ms until it runs again`);
      this.#restart = setTimeout(() => this.#startMonitor(), restartMs);
    });
  }
}

export function watchAddress(address: string, log: Log): AddressWatch {
  const watch = new AddressWatch(address, log);
  watch.start();
  return watch;
}

/**
 * Compares addresses, not texts: 10.203.0.5 is not 10.203.0.50, and fd00::1, FD00:0::1 and ::ffff:10.203.0.5 are read by their
 * meaning. An address with a zone (`fe80::1%eth0`) matches only on that interface, given by name or number.
 */
export function holdsAddress(address: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  const [bare = "", zone] = address.split("%");
  const wanted = canonicalAddress(bare);
  return Object.entries(interfaces).some(([name, list]) =>
    list?.some(
      (each) =>
        canonicalAddress(each.address) === wanted &&
        (zone === undefined || zone === name || ("scopeid" in each && zone === String(each.scopeid))),
    ),
  );
}

const mappedPrefix = "::ffff:";

/** The canonical form of an address, without the zone. Any other text is returned unchanged, and equals no address. */
export function canonicalAddress(text: string): string {
  const [bare = ""] = text.split("%");
  if (isIP(bare) !== 6) return bare;
  const { address } = new SocketAddress({ address: bare, family: "ipv6" });
  const mapped = address.slice(mappedPrefix.length);
  return address.startsWith(mappedPrefix) && isIP(mapped) === 4 ? mapped : address;
}
