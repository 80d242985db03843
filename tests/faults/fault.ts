import type { StepId } from "../../scripts/inspect/verify/step.ts";

/** One thing that is done to a lab: a command on a host, a fault of the lab's own, or what reaches it from outside. */
export type Act =
  /** Run as root; `$VIP` is the virtual IP. */
  | { readonly on: string; readonly run: string }
  | { readonly lab: "kill" | "boot" | "cut" | "heal"; readonly host: string }
  | { readonly lab: "partition"; readonly hosts: readonly [string, string] }
  | { readonly lab: "healNetwork" }
  /** What a host sends to these ports vanishes (`drop`), or is refused. */
  | {
      readonly block: string;
      readonly ports: readonly number[];
      readonly to?: string;
      readonly how: "drop" | "reject";
    }
  | { readonly unblock: string }
  /** Products come at all times; this host's are left out, or come again. */
  | { readonly products: "stop" | "go"; readonly host: string }
  /** To the exchange and the topic that announcements come by. */
  | { readonly announce: string };

/** A fault made on real hosts, and the link that `./warren verify` has to name first, by its id. */
export interface LabFault {
  readonly name: string;
  readonly inject: readonly Act[];
  readonly heal: readonly Act[];
  readonly host: string;
  readonly step: StepId;
  /** Healing waits for a host to boot, a broker, an alarm, or the virtual IP: ten seconds to a minute. */
  readonly isSlow?: true;
}

const amqpPorts = [5671, 5672] as const;

/** A unit that somebody has stopped. Neither is waited for: a broker takes a minute on a machine with much to do. */
export const stopped = (host: string, unit: string, step: StepId, name: string): LabFault => ({
  ...{ name, host, step },
  inject: [{ on: host, run: `systemctl --no-block stop ${unit}` }],
  heal: [{ on: host, run: `systemctl --no-block start ${unit}` }],
});

/** A process that hangs; its watchdog would end it in the middle of a look. */
export const hung = (host: string, unit: string, step: StepId, name: string, whom = "main"): LabFault => ({
  ...{ name, host, step },
  inject: [
    { on: host, run: `systemctl service-watchdogs no && systemctl kill --signal=STOP --kill-whom=${whom} ${unit}` },
  ],
  heal: [
    { on: host, run: `systemctl kill --signal=CONT --kill-whom=${whom} ${unit}; systemctl service-watchdogs yes` },
  ],
});

/** An agent whose settings can't be read: systemd starts it again and again. */
export const failing = (host: string, agent: string, name: string): LabFault => {
  const file = `/etc/warren/${agent}.json`;
  return {
    ...{ name, host, step: "keeps-running" },
    inject: [{ on: host, run: `mv ${file} ${file}.away && systemctl --no-block restart warren-${agent}` }],
    heal: [{ on: host, run: `mv ${file}.away ${file} && systemctl --no-block restart warren-${agent}` }],
  };
};

/** An agent whose start fails before its program runs. */
export const startless = (host: string, agent: string, name: string): LabFault => {
  const folder = `/run/systemd/system/warren-${agent}.service.d`;
  const again = `systemctl daemon-reload && systemctl --no-block restart warren-${agent}`;
  return {
    ...{ name, host, step: "keeps-running" },
    inject: [
      {
        on: host,
        run: `mkdir -p ${folder} && printf '[Service]\\nExecStartPre=/bin/false\\n' > ${folder}/fault.conf && ${again}`,
      },
    ],
    heal: [{ on: host, run: `rm -r ${folder} && ${again}` }],
  };
};

/** An agent that something ends soon after each of its starts. */
export const endedAgain = (host: string, agent: string, name: string): LabFault => {
  const kill = `systemctl kill --signal=KILL warren-${agent}`;
  return {
    ...{ name, host, step: "keeps-running" },
    inject: [
      {
        on: host,
        run: `systemd-run --quiet --collect --unit=warren-fault sh -c 'while sleep 1; do ${kill}; done'`,
      },
    ],
    heal: [{ on: host, run: `systemctl stop warren-fault && systemctl --no-block restart warren-${agent}` }],
  };
};

export const withoutBroker = (host: string, step: StepId, name: string): LabFault => ({
  ...{ name, host, step },
  inject: [{ block: host, ports: amqpPorts, how: "reject" }],
  heal: [{ unblock: host }],
});

/** A file system of its own, full, where a host has to write. */
export const full = (host: string, directory: string, name: string): LabFault => ({
  ...{ name, host, step: "disks-have-room" },
  inject: [
    {
      on: host,
      run: `mount -t tmpfs -o size=1m,mode=0755,uid=px,gid=px tmpfs ${directory} && head -c 2m /dev/zero > ${directory}/.fill || true`,
    },
  ],
  heal: [{ on: host, run: `umount -l ${directory}` }],
});

export const killed = (host: string, name: string): LabFault => ({
  ...{ name, host, step: "host-answers" },
  inject: [{ lab: "kill", host }],
  heal: [{ lab: "boot", host }],
});

export const mode = (
  host: string,
  path: string,
  { wrong, right }: { readonly wrong: string; readonly right: string },
  step: StepId,
  name: string,
): LabFault => ({
  ...{ name, host, step },
  inject: [{ on: host, run: `chmod ${wrong} ${path}` }],
  heal: [{ on: host, run: `chmod ${right} ${path}` }],
});
