import { and, type Command, or } from "../commands/command.ts";
import {
  installFile,
  keepPrevious,
  makeDirectory,
  removeFile,
  removeProgram,
  stagedAt,
  writeFile,
} from "../commands/files.ts";
import {
  awaitReplicas,
  dismissOthers,
  gateRestart,
  joinCluster,
  leaveCluster,
  type Membership,
  membershipAmong,
  startMember,
} from "../commands/membership.ts";
import { installPackages, makeAccount, purgePackages } from "../commands/packages.ts";
import { closeConnections, evaluate, importDefinitions, limitsExpression, startBroker } from "../commands/rabbitmq.ts";
import {
  bringUnit,
  renewPackagedUnit,
  renewProgramUnit,
  renewUnit,
  restartUnit,
  startFromScratch,
  startUnit,
  stopUnit,
} from "../commands/units.ts";
import { traitsOf } from "../config/series.ts";
import { keeperOf } from "../model/keeper.ts";
import {
  accountsName,
  brokerUnit,
  definitionsFile,
  firewallRules,
  firewallUnit,
  limitsStep,
  memberStep,
  packagesName,
  rollStep,
} from "../model/names.ts";
import type { ArtifactModel, ClusterModel, FileModel, HostModel, UnitModel } from "../model/types.ts";
import type { Step } from "./step.ts";

/** Seconds for a command that writes a file. apt may have to download a hundred megabytes, and a broker to start. */
const fileTimeoutSeconds = 30;
const packagesTimeoutSeconds = 600;
const unitTimeoutSeconds = 180;
/** A broker's start may need two attempts, and waits for replicas before and afterwards. */
const brokerTimeoutSeconds = 600;

/**
 * All steps of one host, in order.
 *
 * @param clusters of the stack: a broker's node starts and restarts as a member of its cluster
 */
export function hostSteps(host: HostModel, clusters: readonly ClusterModel[] = []): Step[] {
  const cluster = clusters.find(({ members }) => members.some((member) => member.host === host.name));
  const before = host.files.filter((file) => file.order === "before-packages");
  const after = host.files.filter((file) => file.order === "after-packages");
  const base = baseStep(host);
  const root = base ? [base.name] : [];
  // An adopted broker keeps members that the config doesn't name.
  const roll = cluster && !cluster.found ? rollOf(cluster, host.name) : undefined;
  const rolled = roll ? [roll.name] : [];
  // No package reads an agent's own files, which may have to wait for their turn.
  const read = before.filter((file) => !agentTurnOf(host, file)).map((file) => file.path);
  const packages = packagesOf(host, [...root, ...read]);
  const ready = packages ? [packages.name] : root;
  return [
    ...(base ? [base] : []),
    ...(roll ? [roll] : []),
    ...before.map((file) =>
      fileStep(host, file, file.path === firewallRules ? [...root, ...rolled] : root, agentTurnOf(host, file)),
    ),
    ...(packages ? [packages] : []),
    ...after.map((file) => fileStep(host, file, ready)),
    ...host.artifacts.map((artifact) => artifactStep(artifact, root, turnOf(host, artifact.path))),
    ...host.units.map((unit) =>
      cluster && unit.name === brokerUnit
        ? brokerStep(unit, [...ready, ...rolled], membershipOf(cluster, host.name))
        : unitStep(unit, ready, programsOf(host, unit)),
    ),
  ];
}

function baseStep(host: HostModel): Step | undefined {
  const commands = [
    ...host.accounts.map((account) => makeAccount(account.name, account.home)),
    ...host.directories.map((place) => makeDirectory(place, keeperOf(host, place.path))),
  ];
  if (commands.length === 0) return undefined;
  const make = and(...commands);
  return {
    name: accountsName,
    create: make,
    renew: make,
    repair: make,
    // Accounts stay, because they own data that outlives the stack: products, receiver queues.
    remove: undefined,
    timeoutSeconds: fileTimeoutSeconds,
    after: [],
    afterBroker: false,
    content: [JSON.stringify([host.accounts, host.directories])],
    follows: [],
  };
}

const agentFiles = /^\/etc\/(warren\/([^/]+\.json|secrets\/[^/]+)|systemd\/system\/warren-[^/]+\.service)$/;

/** An agent's config, credentials and unit file are replaced together, in the unit's turn: each is of no use without the others. */
const agentTurnOf = (host: HostModel, { path }: FileModel): Step["turn"] =>
  agentFiles.test(path) ? turnOf(host, path) : undefined;

function fileStep(host: HostModel, file: FileModel, after: readonly string[], turn?: Step["turn"]): Step {
  const keeper = keeperOf(host, file.path);
  const write = writeFile(file, { ...file, keeper });
  const renew = file.beforeRenewal ? writeFile(file, { ...file, keeper, before: file.beforeRenewal }) : write;
  const rewrite = file.afterRenewal ? and(renew, file.afterRenewal) : renew;
  return {
    name: file.path,
    create: write,
    renew: rewrite,
    repair: rewrite,
    remove: file.keep ? undefined : removeFile(file, keeper),
    // Commands before and after a renewal start an Erlang VM each, which is slow on a busy host.
    timeoutSeconds: file.beforeRenewal || file.afterRenewal ? unitTimeoutSeconds : fileTimeoutSeconds,
    stdin: { text: file.content, secret: file.secret },
    after: [...after, ...(file.after ?? [])],
    afterBroker: false,
    ...(turn ? { turn } : {}),
    content: [file.path, file.owner, file.group, file.mode, file.content],
    follows: [],
  };
}

function packagesOf(host: HostModel, after: readonly string[]): Step | undefined {
  if (host.packages.length === 0) return undefined;
  const names = host.packages.map((one) => one.name);
  const held = host.packages.filter((one) => one.series !== undefined).map((one) => one.name);
  const removable = host.packages.filter((one) => !one.keep).map((one) => one.name);
  const install = installPackages(names, held);
  return {
    name: packagesName,
    create: install,
    renew: install,
    repair: install,
    remove: removable.length > 0 ? purgePackages(removable) : undefined,
    timeoutSeconds: packagesTimeoutSeconds,
    after,
    afterBroker: false,
    content: [JSON.stringify(host.packages)],
    follows: [],
  };
}

/**
 * If the first of several hosts doesn't start with a new program or config, the rollout stops there: the others don't have it on disk, so none runs it
 * after a crash. What several units share is not staggered, because their units might wait for each other.
 */
function turnOf({ units }: HostModel, path: string): Step["turn"] {
  const [unit, ...others] = units.filter(({ reads }) => reads.includes(path));
  if (!unit || others.length > 0) return undefined;
  const { after, afterAsked = [], afterBroker } = unit;
  return after.length + afterAsked.length > 0 ? { after, afterAsked, afterBroker } : undefined;
}

function artifactStep(artifact: ArtifactModel, after: readonly string[], turn: Step["turn"]): Step {
  const install = installFile(artifact);
  const renew = and(keepPrevious(artifact.path, artifact.installedSha256), install);
  return {
    name: artifact.path,
    create: install,
    renew,
    // After a failed start, the previous program is in place.
    repair: renew,
    remove: removeProgram(artifact),
    timeoutSeconds: 120,
    copy: { source: artifact.source, sha256: artifact.sha256, remotePath: stagedAt(artifact) },
    after,
    afterBroker: false,
    ...(turn ? { turn } : {}),
    content: [artifact.path, artifact.owner, artifact.group, artifact.mode, artifact.sha256],
    follows: [],
  };
}

/** Programs of a unit that warren installs. */
const programsOf = ({ artifacts }: HostModel, { reads }: UnitModel): string[] =>
  artifacts.map(({ path }) => path).filter((path) => reads.includes(path));

function unitStep(unit: UnitModel, after: readonly string[], programs: readonly string[] = []): Step {
  return {
    name: unit.name,
    // Its package may have started it before the files that follow packages were written.
    create: unit.onChange === "reload" ? bringUnit(unit.name, "reload") : startFromScratch(unit.name, unit.reads),
    renew: programs.length > 0 ? renewProgramUnit(unit.name, programs) : renewUnit(unit.name, unit.onChange),
    repair: startUnit(unit.name),
    mends: {
      restart: restartUnit(unit.name),
      ...(unit.login ? { declare: closeConnections(unit.login, "to declare what is missing") } : {}),
    },
    remove: unit.keep ? undefined : stopUnit(unit.name),
    timeoutSeconds: unitTimeoutSeconds,
    after: [...after, ...unit.reads, ...unit.after],
    afterAsked: unit.afterAsked ?? [],
    afterBroker: unit.afterBroker,
    content: [unit.name],
    follows: unit.reads,
  };
}

/** A broker restarts only while all replicas are in sync, and is done when they are in sync again: the next one waits for it. */
function brokerStep(unit: UnitModel, after: readonly string[], membership: Membership): Step {
  const { name } = unit;
  const gate = gateRestart(name, membership);
  const serve = (start: Command) => startMember(start, name, membership);
  // A broker may be stopped while its unit is active. If its Erlang VM doesn't respond to the CLI, the unit is restarted.
  const repair = and(startUnit(name), or(startBroker(), restartUnit(name)));
  // A readmitted node can connect to earlier members once their firewall rules include it.
  const firewalls = membership.earlier.map((other) => `${other} ${firewallUnit}`);
  // A package starts its node at once, which then joins its cluster. No member restarts meanwhile.
  const installs = membership.others.map((other) => `${other} ${packagesName}`);
  return {
    ...unitStep(unit, [...after, ...firewalls, ...installs]),
    create: serve(bringUnit(name, "start")),
    renew: and(serve(renewPackagedUnit(name, unit.onChange, unit.reads, gate)), awaitReplicas(membership)),
    repair: serve(repair),
    mends: {
      restart: and(gate, serve(restartUnit(name)), awaitReplicas(membership)),
      login: importDefinitions(definitionsFile),
    },
    timeoutSeconds: brokerTimeoutSeconds,
  };
}

/** Removes nodes that are not in the config before the firewall blocks them. */
function rollOf(cluster: ClusterModel, host: string): Step {
  const dismiss = dismissOthers(brokerUnit, membershipOf(cluster, host));
  return {
    name: rollStep(cluster.name),
    create: dismiss,
    renew: dismiss,
    repair: dismiss,
    remove: undefined,
    timeoutSeconds: unitTimeoutSeconds,
    after: [],
    afterBroker: false,
    content: cluster.members.map((member) => member.host),
    follows: [],
  };
}

function membershipOf({ members, series }: ClusterModel, host: string): Membership {
  const quorum = traitsOf(series).replication === "quorum";
  return membershipAmong(
    members.map((member) => member.host),
    host,
    quorum,
  );
}

/**
 * Every host has a member step, including the first: a host that is removed from the list leaves the cluster, and none leaves because another
 * host has become the first.
 */
export function memberSteps(cluster: ClusterModel): { readonly host: string; readonly step: Step }[] {
  return cluster.members.map(({ host }, index) => {
    const membership = membershipOf(cluster, host);
    const join = joinCluster(membership);
    const seed = cluster.members[0];
    const previous = cluster.members[index - 1];
    return {
      host,
      step: {
        name: memberStep(cluster.name),
        create: join,
        renew: join,
        repair: join,
        remove: leaveCluster(membership),
        timeoutSeconds: brokerTimeoutSeconds,
        after: [
          brokerUnit,
          ...(seed && previous ? [`${seed.host} ${brokerUnit}`, `${previous.host} ${memberStep(cluster.name)}`] : []),
        ],
        afterBroker: false,
        content: [cluster.name, ...cluster.members.map((member) => member.host)],
        // A restarted node may have lost its data: it joined at its start, but no queue has a replica on it yet.
        follows: [brokerUnit],
      },
    };
  });
}

/** The step that sets a cluster's limits, on its first member: all members share them. None for a cluster without limits. */
export function limitsSteps({ name, members, limits }: ClusterModel): { readonly host: string; readonly step: Step }[] {
  const [first] = members;
  if (!first || !limits) return [];
  const set = evaluate(limitsExpression(limits));
  return [
    {
      host: first.host,
      step: {
        name: limitsStep(name),
        create: set,
        renew: set,
        repair: set,
        // They end with the broker's data. If another member comes first, its step has set them before this one is removed.
        remove: undefined,
        timeoutSeconds: unitTimeoutSeconds,
        after: [],
        // A user has limits once it exists.
        afterBroker: name,
        content: [JSON.stringify(limits)],
        follows: [],
      },
    },
  ];
}
