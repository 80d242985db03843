import { and, type Command, or } from "../commands/command.ts";
import { formerOf, installFile, keepFormer, makeDirectory, removeFile, writeFile } from "../commands/files.ts";
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
import { closeConnections, importDefinitions, startBroker } from "../commands/rabbitmq.ts";
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
  memberStep,
  packagesName,
  rollStep,
} from "../model/names.ts";
import type { ArtifactModel, ClusterModel, FileModel, HostModel, UnitModel } from "../model/types.ts";
import type { Step } from "./step.ts";

/** Seconds for a command that writes a file; apt may have to fetch a hundred megabytes, a broker to start. */
const fileTimeoutSeconds = 30;
const packagesTimeoutSeconds = 600;
const unitTimeoutSeconds = 180;
/** A broker's start may take two tries, and waits for replicas before and after. */
const brokerTimeoutSeconds = 600;

/**
 * Everything on one host, in the order in which it is made.
 *
 * @param clusters of the stack: a broker's node starts and restarts as the member that it is
 */
export function hostSteps(host: HostModel, clusters: readonly ClusterModel[] = []): Step[] {
  const cluster = clusters.find(({ members }) => members.some((member) => member.host === host.name));
  const before = host.files.filter((file) => file.order === "before-packages");
  const after = host.files.filter((file) => file.order === "after-packages");
  const base = baseStep(host);
  const root = base ? [base.name] : [];
  // On a broker that was there before warren nobody is dismissed.
  const roll = cluster && !cluster.found ? rollOf(cluster, host.name) : undefined;
  const rolled = roll ? [roll.name] : [];
  const packages = packagesOf(host, [...root, ...before.map((file) => file.path)]);
  const ready = packages ? [packages.name] : root;
  return [
    ...(base ? [base] : []),
    ...(roll ? [roll] : []),
    ...before.map((file) => fileStep(host, file, file.path === firewallRules ? [...root, ...rolled] : root)),
    ...(packages ? [packages] : []),
    ...after.map((file) => fileStep(host, file, ready)),
    ...host.artifacts.map((artifact) => artifactStep(artifact, root, turnOf(host, artifact.path))),
    ...host.units.map((unit) =>
      cluster && unit.name === brokerUnit
        ? brokerStep(unit, [...ready, ...rolled], membershipOf(cluster, host.name))
        : unitStep(unit, ready, programsOf(host, unit), agentUserOf(clusters, unit)),
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
    // Accounts own data that outlives the stack: products, receiver queues. They stay.
    remove: undefined,
    timeoutSeconds: fileTimeoutSeconds,
    after: [],
    afterBroker: false,
    content: [JSON.stringify([host.accounts, host.directories])],
    follows: [],
  };
}

function fileStep(host: HostModel, file: FileModel, after: readonly string[]): Step {
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
    // What else is asked starts an Erlang VM each, which takes its time on a busy host.
    timeoutSeconds: file.beforeRenewal || file.afterRenewal ? unitTimeoutSeconds : fileTimeoutSeconds,
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
  const passing = host.packages.filter((one) => !one.keep).map((one) => one.name);
  const install = installPackages(names, held);
  return {
    name: packagesName,
    create: install,
    renew: install,
    repair: install,
    remove: passing.length > 0 ? purgePackages(passing) : undefined,
    timeoutSeconds: packagesTimeoutSeconds,
    after,
    afterBroker: false,
    content: [JSON.stringify(host.packages)],
    follows: [],
  };
}

/**
 * A new program that the first host of several doesn't come up with stops there: no other one has it on its disk, to run it after a crash. Units that
 * share a program have turns of their own, and might wait for each other.
 */
function turnOf({ units }: HostModel, path: string): Step["turn"] {
  const [unit, ...others] = units.filter(({ reads }) => reads.includes(path));
  if (!unit || others.length > 0) return undefined;
  const { after, afterAsked = [], afterBroker } = unit;
  return after.length + afterAsked.length > 0 ? { after, afterAsked, afterBroker } : undefined;
}

function artifactStep(artifact: ArtifactModel, after: readonly string[], turn: Step["turn"]): Step {
  const ending = artifact.source.endsWith(".gz") ? ".gz" : "";
  const remotePath = `/tmp/warren-${artifact.name}-${artifact.sha256.slice(0, 16)}${ending}`;
  const install = installFile(artifact, remotePath, artifact);
  const renew = and(keepFormer(artifact.path, artifact.installedSha256), install);
  return {
    name: artifact.path,
    create: install,
    renew,
    // Of one with which a unit did not come up the former is there.
    repair: renew,
    remove: and(removeFile(artifact), removeFile({ ...artifact, path: formerOf(artifact.path) })),
    timeoutSeconds: 120,
    copy: { source: artifact.source, remotePath },
    after,
    afterBroker: false,
    ...(turn ? { turn } : {}),
    content: [artifact.path, artifact.owner, artifact.group, artifact.mode, artifact.sha256],
    follows: [],
  };
}

/** Whom the agents of a unit's broker log in as. */
const agentUserOf = (clusters: readonly ClusterModel[], { afterBroker }: UnitModel): string | undefined =>
  clusters.find(({ name }) => name === afterBroker)?.agentUser;

/** What warren has brought of what a unit runs. */
const programsOf = ({ artifacts }: HostModel, { reads }: UnitModel): string[] =>
  artifacts.map(({ path }) => path).filter((path) => reads.includes(path));

function unitStep(
  unit: UnitModel,
  after: readonly string[],
  programs: readonly string[] = [],
  agentUser?: string,
): Step {
  return {
    name: unit.name,
    // Its package has started it already, before the files that come after packages were there.
    create: unit.onChange === "reload" ? bringUnit(unit.name, "reload") : startFromScratch(unit.name, unit.reads),
    renew: programs.length > 0 ? renewProgramUnit(unit.name, programs) : renewUnit(unit.name, unit.onChange),
    repair: startUnit(unit.name),
    mends: {
      restart: restartUnit(unit.name),
      ...(agentUser ? { declare: closeConnections(agentUser, "to declare what is missing") } : {}),
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

/** A broker restarts while its replicas are whole, and counts as back when they are whole again: the next one waits for it. */
function brokerStep(unit: UnitModel, after: readonly string[], membership: Membership): Step {
  const { name } = unit;
  const gate = gateRestart(name, membership);
  const serve = (start: Command) => startMember(start, name, membership);
  // A broker may have been stopped inside its unit, which is active all the same; an Erlang VM that takes no orders is started anew.
  const repair = and(startUnit(name), or(startBroker(), restartUnit(name)));
  // A node that is taken in again reaches those before it once their rules know of it.
  const firewalls = membership.earlier.map((other) => `${other} ${firewallUnit}`);
  // A package starts its node at once, which looks for its cluster and joins it: nobody who is in that restarts meanwhile.
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

/** Whoever is not in the list is taken out before the firewall shuts it out. */
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
 * Every host is a member of its cluster, the first one too: whoever is taken out of the list leaves, and nobody leaves because the list has
 * another first one now.
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
        // A node that has come up anew may be one that had lost its data: it joined at its start, but no queue uses it yet.
        follows: [brokerUnit],
      },
    };
  });
}
