import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { processStat } from "../../infra/process-stat.ts";
import { evaluatorLoop } from "./broker-evaluate.ts";
import { type RabbitmqBinaries, vmEnvironment } from "./rabbitmq-binaries.ts";

/**
 * The VM without the package's shell scripts, which need /etc, epmd and fixed folders. A node that does not listen for
 * distribution would still wait 50 s for epmd to know its port; a port on the command line avoids that
 * without epmd. ERL_ZFLAGS also reach the Erlang that the broker itself starts each minute to wake up epmd.
 */
export function vmCommand(binaries: RabbitmqBinaries, directory: string) {
  const distributionPortUnused = "4369";
  return {
    command: path.join(binaries.ertsBin, "erlexec"),
    argv: [
      ...["-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl", "-eval", evaluatorLoop(directory)],
      ...["-sname", "rabbit@localhost", "-erl_epmd_port", distributionPortUnused],
      ...["+W", "w", "+S", "2:2", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"],
      // From the package's own script: without these, garbage collection of long queues costs a third of the rate.
      ...["+MBas", "ageffcbf", "+MHas", "ageffcbf", "+MBlmbcs", "512", "+MHlmbcs", "512", "+MMmcs", "30"],
      ...["-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false"],
      ...["-kernel", "prevent_overlapping_partitions", "false"],
    ],
    env: {
      ...vmEnvironment(binaries, directory),
      ERL_LIBS: binaries.plugins,
      ERL_MAX_PORTS: "4096",
      ERL_CRASH_DUMP_SECONDS: "0",
      ERL_ZFLAGS: "-start_epmd false -dist_listen false",
      RABBITMQ_NODENAME: "rabbit@localhost",
      RABBITMQ_CONF_ENV_FILE: path.join(directory, "no-such-file"),
      RABBITMQ_CONFIG_FILE: path.join(directory, "rabbitmq"),
      RABBITMQ_ENABLED_PLUGINS_FILE: path.join(directory, "enabled_plugins"),
      RABBITMQ_PLUGINS_DIR: binaries.plugins,
      RABBITMQ_MNESIA_BASE: path.join(directory, "data"),
      RABBITMQ_LOG_BASE: path.join(directory, "log"),
      RABBITMQ_GENERATED_CONFIG_DIR: path.join(directory, "generated"),
    },
  };
}

/**
 * A shell that outlives us: it reads the VM's process id (an empty line once the VM has exited). When its input is
 * closed (by `stop()`, or by the kernel when this process is gone), it kills the VM and removes the folder. It has its own
 * session, so that Ctrl-C on the terminal does not end it first.
 */
export function startSweeper(directory: string): ChildProcess {
  const script =
    'while read -r pid; do last=$pid; done; [ -z "$last" ] || { kill -KILL "$last"; tail -s 0.1 --pid="$last" -f /dev/null; }; rm -rf -- "$1"';
  return spawn("sh", ["-c", script, "sweep-local-broker", directory], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
}

/** Milliseconds for all threads of a process to stop after SIGSTOP: each one stops when it is next scheduled. */
export function areThreadsStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) => processStat(`${pid}/task/${task}`)?.[0] === "T");
}
