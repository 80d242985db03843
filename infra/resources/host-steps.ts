import { and, type Command, or } from "../commands/command.ts";
import { installFile, makeDirectory, removeFile, writeFile } from "../commands/files.ts";
import { installPackages, makeAccount, purgePackages } from "../commands/packages.ts";
import { awaitNode, closeConnections, importDefinitions, joinCluster, startBroker } from "../commands/rabbitmq.ts";
import { bringUnit, renewUnit, restartUnit, startUnit, stopUnit } from "../commands/units.ts";
import { accountsName, agentUser, brokerUnit, definitionsFile, memberStep, packagesName } from "../model/names.ts";
import type { ArtifactModel, ClusterModel, FileModel, HostModel, UnitModel } from "../model/types.ts";
import type { Step } from "./step.ts";

/** Seconds for a command that writes a file; apt may have to fetch a hundred megabytes, a broker to start. */
const fileTimeoutSeconds = 30;
const packagesTimeoutSeconds = 600;
const unitTimeoutSeconds = 180;

/** Everything on one host, in the order in which it is made. */
export function hostSteps(host: HostModel): Step[] {
  const before = host.files.filter((file) => file.order === "before-packages");
  const after = host.files.filter((file) => file.order === "after-packages");
  const base = baseStep(host);
  const root = base ? [base.name] : [];
  const packages = packagesOf(host, [...root, ...before.map((file) => file.path)]);
  const ready = packages ? [packages.name] : root;
  return [
    ...(base ? [base] : []),
    ...before.map((file) => fileStep(file, root)),
    ...(packages ? [packages] : []),
    ...after.map((file) => fileStep(file, ready)),
    ...host.artifacts.map((artifact) => artifactStep(artifact, root)),
    ...host.units.map((unit) => unitStep(unit, ready)),
  ];
}

function baseStep(host: HostModel): Step | undefined {
  const commands = [
    ...host.accounts.map((account) => makeAccount(account.name, account.home)),
    ...host.directories.map(makeDirectory),
  ];
  if (commands.length === 0) return undefined;
  const make = and(...commands);
  return {
    name: accountsName,
    create: make,
    renew: make,
    repair: make,
    // Accounts own data that outlives the stack: products, receiver queues. They stay.
    remove: undefined,
    timeoutSeconds: fileTimeoutSeconds,
    after: [],
    afterBroker: false,
    content: [JSON.stringify([host.accounts, host.directories])],
    follows: [],
  };
}

function fileStep(file: FileModel, after: readonly string[]): Step {
  const write = writeFile(file, file.validate, file.judge);
  const rewrite = file.afterRenewal ? and(write, file.afterRenewal) : write;
  return {
    name: file.path,
    create: write,
    renew: rewrite,
    repair: rewrite,
    remove: file.keep ? undefined : removeFile(file.path),
    timeoutSeconds: fileTimeoutSeconds,
    stdin: { text: file.content, secret: file.secret },
    after: [...after, ...(file.after ?? [])],
    afterBroker: false,
    content: [file.path, file.owner, file.group, file.mode, file.content],
    follows: [],
  };
}

function packagesOf(host: HostModel, after: readonly string[]): Step | undefined {
  if (host.packages.length === 0) return undefined;
  const names = host.packages.map((one) => one.name);
  const held = host.packages.filter((one) => one.series !== undefined).map((one) => one.name);
  const install = installPackages(names, held);
  return {
    name: packagesName,
    create: install,
    renew: install,
    repair: install,
    remove: purgePackages(names),
    timeoutSeconds: packagesTimeoutSeconds,
    after,
    afterBroker: false,
    content: [JSON.stringify(host.packages)],
    follows: [],
  };
}

function artifactStep(artifact: ArtifactModel, after: readonly string[]): Step {
  const ending = artifact.source.endsWith(".gz") ? ".gz" : "";
  const remotePath = `/tmp/warren-${artifact.name}-${artifact.sha256.slice(0, 16)}${ending}`;
  const install = installFile(artifact, remotePath, artifact);
  return {
    name: artifact.path,
    create: install,
    renew: install,
    repair: install,
    remove: removeFile(artifact.path),
    timeoutSeconds: 120,
    copy: { source: artifact.source, remotePath },
    after,
    afterBroker: false,
    content: [artifact.path, artifact.owner, artifact.group, artifact.mode, artifact.sha256],
    follows: [],
  };
}

function unitStep(unit: UnitModel, after: readonly string[]): Step {
  const wait = (command: Command) => (unit.name === brokerUnit ? and(command, awaitNode(120)) : command);
  return {
    name: unit.name,
    // Its package has started it already, before the files that come after packages were there.
    create: wait(bringUnit(unit.name, unit.onChange === "reload" ? "reload" : "start")),
    renew: wait(renewUnit(unit.name, unit.onChange)),
    repair: wait(repairUnit(unit.name)),
    mends: {
      restart: wait(restartUnit(unit.name)),
      ...(unit.name === brokerUnit ? { login: importDefinitions(definitionsFile) } : {}),
      ...(unit.afterBroker ? { declare: closeConnections(agentUser, "to declare what is missing") } : {}),
    },
    remove: stopUnit(unit.name),
    timeoutSeconds: unitTimeoutSeconds,
    after: [...after, ...unit.reads, ...unit.after],
    afterBroker: unit.afterBroker,
    content: [unit.name],
    follows: unit.reads,
  };
}

/** A broker may have been stopped inside its unit, which is active all the same; an Erlang VM that takes no orders is started anew. */
function repairUnit(name: string): Command {
  const start = startUnit(name);
  return name === brokerUnit ? and(start, or(startBroker(), restartUnit(name))) : start;
}

/** The seed begins the cluster; every other member joins it where it hasn't by itself. */
export function memberSteps(cluster: ClusterModel): { readonly host: string; readonly step: Step }[] {
  const [seed, ...others] = cluster.members;
  if (!seed) return [];
  return others.map(({ host }, index) => {
    const join = joinCluster(index + 2, `rabbit@${seed.host}`);
    const previous = others[index - 1];
    return {
      host,
      step: {
        name: memberStep(cluster.name),
        create: join,
        renew: join,
        repair: join,
        remove: undefined,
        timeoutSeconds: unitTimeoutSeconds,
        after: [
          brokerUnit,
          `${seed.host} ${brokerUnit}`,
          ...(previous ? [`${previous.host} ${memberStep(cluster.name)}`] : []),
        ],
        afterBroker: false,
        content: [cluster.name, seed.host, host],
        follows: [],
      },
    };
  });
}
