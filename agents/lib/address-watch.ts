import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { networkInterfaces } from "node:os";
import type { Log } from "./log.ts";

/** The kernel's event is seen at once; this is how late it is seen where `ip` is missing or its events stop. */
const pollMs = 500;
const restartMs = 5000;

interface AddressEvents {
  held: [];
  gone: [];
}

/**
 * Does this host hold an address (a virtual IP)? `ip monitor address` says when something changed (netlink), the list of
 * addresses says what is true; the list is also looked at twice a second.
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
    this.#address = address.toLowerCase();
    this.#log = log;
  }

  get held(): boolean {
    return this.#held;
  }

  start(): void {
    this.#look();
    this.#poll = setInterval(() => this.#look(), pollMs);
    this.#startMonitor();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#restart);
    this.#monitor?.kill();
  }

  #look(): void {
    const held = holdsAddress(this.#address, networkInterfaces());
    if (held === this.#held) return;
    this.#held = held;
    this.#log.info(
      { address: this.#address },
      held ? "this host holds the virtual IP now" : "the virtual IP left this host",
    );
    this.emit(held ? "held" : "gone");
  }

  #startMonitor(): void {
    const monitor = spawn("ip", ["monitor", "address"], { stdio: ["ignore", "pipe", "ignore"] });
    this.#monitor = monitor;
    monitor.stdout.on("data", () => this.#look());
    monitor.on("error", (error) =>
      this.#log.warn({ err: error }, `no "ip monitor": addresses are polled every ${pollMs} ms`),
    );
    monitor.on("close", () => {
      if (!this.#stopped) this.#restart = setTimeout(() => this.#startMonitor(), restartMs);
    });
  }
}

export function watchAddress(address: string, log: Log): AddressWatch {
  const watch = new AddressWatch(address, log);
  watch.start();
  return watch;
}

/** Exact comparison: 10.203.0.5 is not 10.203.0.50. */
export function holdsAddress(address: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  return Object.values(interfaces).some((list) => list?.some((each) => each.address.toLowerCase() === address));
}
