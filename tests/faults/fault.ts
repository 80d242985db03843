import type { StepId } from "../../scripts/inspect/verify/step.ts";

/** One action on a lab: a command on a host, a fault of the lab, or products and messages from outside. */
export type Act =
  /** Run as root; `$VIP` is the virtual IP. */
  | { readonly on: string; readonly run: string }
  | { readonly lab: "kill" | "boot" | "cut" | "heal"; readonly host: string }
  | { readonly lab: "partition"; readonly hosts: readonly [string, string] }
  | { readonly lab: "healNetwork" }
  /** The host's packets to these ports are dropped or rejected. */
  | {
      readonly block: string;
      readonly ports: readonly number[];
      readonly to?: string;
      readonly how: "drop" | "reject";
    }
  | { readonly unblock: string }
  /** Products flow all the time. This stops or resumes one host's products. */
  | { readonly products: "stop" | "go"; readonly host: string }
  /** Publishes to the announcements' exchange and topic. */
  | { readonly announce: string };

/** A fault on real hosts, and the id of the step that `./warren verify` must name first. */
export interface LabFault {
  readonly name: string;
  readonly inject: readonly Act[];
  readonly heal: readonly Act[];
  readonly host: string;
  readonly step: StepId;
  /** The alert (`infra/model/alerts`) that it fires in a lab whose monitor is on `px-1`, or why none does. */
  readonly alert: string | { readonly none: string };
  /** Pages that are right as well, if it lasts. */
  readonly alsoPages?: readonly string[];
  /** Healing takes ten seconds to a minute: a boot, a broker's start, an alarm, or a move of the virtual IP. */
  readonly isSlow?: true;
}

const amqpPorts = [5671, 5672] as const;

/** A unit is stopped by hand. `--no-block`, because on a busy machine a broker takes a minute. */
export const stopped = (host: string, unit: string, step: StepId, name: string): LabFault => ({
  ...{ name, host, step },
  alert: "TargetDown",
  inject: [{ on: host, run: `systemctl --no-block stop ${unit}` }],
  heal: [{ on: host, run: `systemctl --no-block start ${unit}` }],
});

/** A process hangs. Without watchdogs, which would kill it during the check. */
export const hung = (host: string, unit: string, step: StepId, name: string, whom = "main"): LabFault => ({
  ...{ name, host, step },
  alert: "TargetDown",
  inject: [
    { on: host, run: `systemctl service-watchdogs no && systemctl kill --signal=STOP --kill-whom=${whom} ${unit}` },
  ],
  heal: [
    { on: host, run: `systemctl kill --signal=CONT --kill-whom=${whom} ${unit}; systemctl service-watchdogs yes` },
  ],
});

/** An agent can't read its settings: systemd keeps restarting it. */
export const failing = (host: string, agent: string, name: string): LabFault => {
  const file = `/etc/warren/${agent}.json`;
  return {
    ...{ name, host, step: "keeps-running" },
    alert: "AgentRestarts",
    inject: [{ on: host, run: `mv ${file} ${file}.away && systemctl --no-block restart warren-${agent}` }],
    heal: [{ on: host, run: `mv ${file}.away ${file} && systemctl --no-block restart warren-${agent}` }],
  };
};

/** An agent's start fails before its program runs. */
export const startless = (host: string, agent: string, name: string): LabFault => {
  const folder = `/run/systemd/system/warren-${agent}.service.d`;
  const again = `systemctl daemon-reload && systemctl --no-block restart warren-${agent}`;
  return {
    ...{ name, host, step: "keeps-running" },
    alert: "AgentRestarts",
    inject: [
      {
        on: host,
        run: `mkdir -p ${folder} && printf '[Service]\\nExecStartPre=/bin/false\\n' > ${folder}/fault.conf && ${again}`,
      },
    ],
    heal: [{ on: host, run: `rm -r ${folder} && ${again}` }],
  };
};

/** An agent is killed soon after each of its starts. */
export const endedAgain = (host: string, agent: string, name: string): LabFault => {
  const kill = `systemctl kill --signal=KILL warren-${agent}`;
  return {
    ...{ name, host, step: "keeps-running" },
    alert: "AgentRestarts",
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
  alert: "AgentUnhealthy",
  inject: [{ block: host, ports: amqpPorts, how: "reject" }],
  heal: [{ unblock: host }],
});

/** A folder that a host writes to is full: it gets its own small file system. */
export const full = (host: string, directory: string, name: string): LabFault => ({
  ...{ name, host, step: "disks-have-room" },
  alert: "AgentUnhealthy",
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
  alert: "TargetDown",
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
  alert: "FetchesFail",
  inject: [{ on: host, run: `chmod ${wrong} ${path}` }],
  heal: [{ on: host, run: `chmod ${right} ${path}` }],
});
