import type { Verb } from "./verb.ts";

/** Every verb of `./warren`, in the order in which a new user meets them. */
export const verbs: readonly Verb[] = [
  {
    name: "lab",
    summary: "start real hosts on this machine, provision them, send products through, count each one",
    load: () => import("./lab/lab.ts"),
  },
  {
    name: "flow",
    summary: "run the same flow without hosts: local agents, one broker, no root",
    load: () => import("../tests/flow.ts"),
  },
  {
    name: "chaos",
    summary: "inject faults into a lab under load, and show that nothing is lost or repeated",
    load: () => import("../tests/chaos.ts"),
  },
  {
    name: "bench",
    summary:
      "measure agents (the dispatcher against RabbitMQ's shovel, pullers against curl, the watcher) and previews",
    load: () => import("../tests/bench.ts"),
  },
  {
    name: "fuzz",
    summary: "feed agents and parsers generated hostile input: none may crash or lose anything",
    load: () => import("../tests/fuzz.ts"),
  },
  {
    name: "up",
    summary: "pulumi up: bring the hosts of a stack to what its config says",
    load: () => import("./engine/up.ts"),
  },
  {
    name: "preview",
    summary: "pulumi preview: show what up would change on the hosts as they are now",
    load: () => import("./engine/preview.ts"),
  },
  {
    name: "stack",
    summary: "new NAME: ask for hosts and addresses, and write a stack of your own with key, passphrase and secrets",
    load: () => import("./migrate/stack.ts"),
  },
  {
    name: "checks",
    summary: "list valid but unsafe settings of a stack, with remedies; asks no host",
    load: () => import("./inspect/checks.ts"),
  },
  {
    name: "destroy",
    summary: "pulumi destroy: remove from the hosts what up put there",
    load: () => import("./engine/destroy.ts"),
  },
  {
    name: "backup",
    summary: "save definitions, state and journals of a stack in one encrypted file; list or verify one",
    load: () => import("./change/backup.ts"),
  },
  {
    name: "restore",
    summary: "rebuild a stack from a backup, on bare hosts or existing ones",
    load: () => import("./change/restore.ts"),
  },
  {
    name: "member",
    summary: "replace HOST: rebuild a dead host from a bare one of the same name",
    load: () => import("./change/member.ts"),
  },
  {
    name: "verify",
    summary: "check the chain from source to receiver, and name the first broken link with evidence",
    load: () => import("./inspect/verify.ts"),
  },
  {
    name: "dead",
    summary: "count, show, replay or drop dead letters",
    load: () => import("./change/dead.ts"),
  },
  {
    name: "status",
    summary: "show a stack on one screen: virtual IP, brokers, queues, agents; --watch",
    load: () => import("./inspect/status.ts"),
  },
  {
    name: "trace",
    summary: "show where and when one product was seen",
    load: () => import("./inspect/trace.ts"),
  },
  {
    name: "logs",
    summary: "merge the journals of agents, brokers and servers of all hosts by time",
    load: () => import("./inspect/logs.ts"),
  },
  {
    name: "history",
    summary: "show who applied what to a stack, when, and with which result",
    load: () => import("./inspect/history.ts"),
  },
  {
    name: "watch",
    summary: "open the live page of a stack's flow in a browser, through ssh",
    load: () => import("./inspect/watch.ts"),
  },
  {
    name: "report",
    summary: "show a month: availability, latency, error budget, incidents; as Markdown or one page",
    load: () => import("./inspect/report.ts"),
  },
  {
    name: "lock",
    summary: "show who holds a stack's lock; release one left by a process that is gone",
    load: () => import("./engine/lock.ts"),
  },
  {
    name: "restart",
    summary: "restart brokers and agents, one host at a time, each healthy before the next",
    load: () => import("./change/restart.ts"),
  },
  {
    name: "rollout",
    summary: "deploy new agents, one host at a time; roll back if one is unhealthy",
    load: () => import("./change/rollout.ts"),
  },
  {
    name: "upgrade",
    summary: "upgrade packages host by host, or RabbitMQ to another series by a second cluster",
    load: () => import("./change/upgrade.ts"),
  },
  {
    name: "drill",
    summary: "break one thing on purpose, measure the pause, repair it, verify before and after",
    load: () => import("./change/drill.ts"),
  },
  {
    name: "rotate",
    summary: "replace a password, Erlang cookie, CA or ssh key without an outage",
    load: () => import("./change/rotate.ts"),
  },
  {
    name: "adopt",
    summary: "read brokers built by hand and write a stack file that changes nothing on them",
    load: () => import("./migrate/adopt.ts"),
  },
  {
    name: "import-px",
    summary: "read Sundew's amqp senders and receivers, and write configs for the agents",
    load: () => import("./migrate/import-px.ts"),
  },
  {
    name: "pulumi",
    summary: "run the engine with backend, passphrase and PATH set; passes all arguments on",
    load: () => import("./engine/pulumi.ts"),
  },
  {
    name: "toolchain",
    summary: "install the Pulumi engine and its plugins; --clean frees disk space",
    load: () => import("./toolchain.ts"),
  },
  { name: "agent", summary: "run one agent in the foreground, against any broker", load: () => import("./agent.ts") },
  {
    name: "completion",
    summary: "print a script with which bash or zsh completes verbs, options and stacks",
    load: async () => (await import("./completion.ts")).completionOf(verbs),
  },
  {
    name: "man",
    summary: "print the manual page, with the options and examples of all verbs",
    load: async () => (await import("./man.ts")).manOf(verbs),
  },
  {
    name: "test",
    summary: "run all test suites: check, broker, lab",
    load: () => import("../tests/test.ts"),
  },
];
