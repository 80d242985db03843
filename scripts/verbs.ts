import type { Command } from "commander";

/** What a verb's module exports: `define` adds its options, arguments, help and action to the command. */
export interface VerbModule {
  define(command: Command): void;
}

/** One row of `./warren --help`. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<VerbModule>;
}

/** Every verb of `./warren`, in the order in which a new user meets them. */
export const verbs: readonly Verb[] = [
  {
    name: "lab",
    summary: "real hosts on this machine: provision them, send products through, count every one",
    load: () => import("./lab/lab.ts"),
  },
  {
    name: "flow",
    summary: "the same flow without hosts: local agents, one broker, no root",
    load: () => import("../tests/flow.ts"),
  },
  {
    name: "chaos",
    summary: "faults in a lab that products flow through: nothing lost, nothing repeated",
    load: () => import("../tests/chaos.ts"),
  },
  {
    name: "bench",
    summary: "measure agents: the dispatcher beside RabbitMQ's own shovel, pullers beside curl, the watcher",
    load: () => import("../tests/bench.ts"),
  },
  {
    name: "fuzz",
    summary: "generated hostile input for agents and parsers: none ends, nothing is lost",
    load: () => import("../tests/fuzz.ts"),
  },
  {
    name: "up",
    summary: "pulumi up: make the hosts of a stack what its config says",
    load: () => import("./engine/up.ts"),
  },
  {
    name: "preview",
    summary: "pulumi preview: what up would change, the hosts observed",
    load: () => import("./engine/preview.ts"),
  },
  {
    name: "checks",
    summary: "what is legal in a stack and yet wrong, with remedies; no host is asked",
    load: () => import("./inspect/checks.ts"),
  },
  {
    name: "destroy",
    summary: "pulumi destroy: take off the hosts what up put there",
    load: () => import("./engine/destroy.ts"),
  },
  {
    name: "backup",
    summary: "definitions, state and journals of a stack in one encrypted file; shows and verifies one",
    load: () => import("./change/backup.ts"),
  },
  {
    name: "restore",
    summary: "from a backup and hosts, bare ones or not, to products that flow",
    load: () => import("./change/restore.ts"),
  },
  {
    name: "member",
    summary: "replace HOST: a dead host's place taken by a new one, from bare",
    load: () => import("./change/member.ts"),
  },
  {
    name: "verify",
    summary: "the chain in order of production, each link with its evidence, and the first broken one",
    load: () => import("./inspect/verify.ts"),
  },
  {
    name: "dead",
    summary: "dead letters: how many and why, one by one, back to where they came from, or away",
    load: () => import("./change/dead.ts"),
  },
  {
    name: "status",
    summary: "one screen of a stack: virtual IP, brokers, queues, agents; --watch",
    load: () => import("./inspect/status.ts"),
  },
  {
    name: "trace",
    summary: "where one product was seen, when, by whom",
    load: () => import("./inspect/trace.ts"),
  },
  {
    name: "logs",
    summary: "the journals of agents, brokers and servers of all hosts, merged by time",
    load: () => import("./inspect/logs.ts"),
  },
  {
    name: "history",
    summary: "who applied what to a stack, when, with which result",
    load: () => import("./inspect/history.ts"),
  },
  {
    name: "lock",
    summary: "who changes a stack now; gives back what somebody who is gone has left",
    load: () => import("./engine/lock.ts"),
  },
  {
    name: "restart",
    summary: "rolling restart of a stack's brokers and agents, one host at a time, whole again after each",
    load: () => import("./change/restart.ts"),
  },
  {
    name: "rollout",
    summary: "new agents, one host at a time, each gated on its health; back to the former ones where one isn't well",
    load: () => import("./change/rollout.ts"),
  },
  {
    name: "upgrade",
    summary: "newer packages, host by host; another series of RabbitMQ by a second cluster, which may give back",
    load: () => import("./change/upgrade.ts"),
  },
  {
    name: "drill",
    summary: "move the virtual IP to another host and back, measure the pause, verify before and after",
    load: () => import("./change/drill.ts"),
  },
  {
    name: "rotate",
    summary:
      "another password, Erlang cookie, CA or ssh key: the new one let in first, the former one refused at the end",
    load: () => import("./change/rotate.ts"),
  },
  {
    name: "adopt",
    summary: "read brokers built by hand, write a stack file that changes nothing on them",
    load: () => import("./migrate/adopt.ts"),
  },
  {
    name: "import-px",
    summary: "read Sundew's senders and receivers of type amqp, write configs of the agents",
    load: () => import("./migrate/import-px.ts"),
  },
  {
    name: "pulumi",
    summary: "the engine with backend, passphrase and PATH set; all arguments are passed on",
    load: () => import("./engine/pulumi.ts"),
  },
  {
    name: "toolchain",
    summary: "bring the Pulumi engine and its plugins, say which were taken",
    load: () => import("./engine/toolchain.ts"),
  },
  { name: "agent", summary: "run one agent in the foreground against any broker", load: () => import("./agent.ts") },
  {
    name: "test",
    summary: "all suites: check, agents against a real broker, the lab",
    load: () => import("../tests/test.ts"),
  },
];
