import {
  type RabbitmqConfValues,
  renderRabbitmqConf,
  renderRabbitmqConfig,
  renderRabbitmqEnv,
} from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { traitsOf } from "../config/series.ts";
import { type BrokerSettings, brokerSettings, type LdapSettings, tlsVersions } from "./broker-settings.ts";
import { advancedTerms, configTerms, distributionTerms } from "./broker-terms.ts";
import { rootFile } from "./files.ts";
import type { FileModel } from "./types.ts";

/** The configuration of a cluster's members in the form that their series reads. */
export function brokerConfigFiles(
  clusterName: string,
  broker: BrokerConfig,
  nodeTimeoutMs: number,
  metricsPort?: number,
): FileModel[] {
  const settings = brokerSettings(clusterName, broker, nodeTimeoutMs, metricsPort);
  if (traitsOf(broker.series).configuration === "terms") {
    return [
      rootFile(
        "/etc/rabbitmq/rabbitmq.config",
        renderRabbitmqConfig([...remarks, ...lossRemarks(settings)], [configTerms(settings)]),
        {
          ...validatedBy(termsCheck),
        },
      ),
      ...distributionFiles(settings),
    ];
  }
  const advanced = advancedTerms(settings);
  return [
    rootFile("/etc/rabbitmq/rabbitmq.conf", renderRabbitmqConf(confValues(settings)), validatedBy(confCheck)),
    ...(advanced
      ? [
          rootFile(
            "/etc/rabbitmq/advanced.config",
            renderRabbitmqConfig(advancedRemarks(settings), [advanced]),
            validatedBy(termsCheck),
          ),
        ]
      : []),
    ...distributionFiles(settings),
  ];
}

/** Read by each start of an Erlang, the node's and the command line's. */
export const distributionFile = "/etc/rabbitmq/distribution.config";

/** Only the environment can choose the protocol of Erlang's distribution. */
function distributionFiles(settings: BrokerSettings): FileModel[] {
  if (!settings.distributionTls) return [];
  const remarks = ["TLS of the connections between members, and from the command line."];
  return [
    rootFile("/etc/rabbitmq/rabbitmq-env.conf", renderRabbitmqEnv({ distributionFile })),
    rootFile(distributionFile, renderRabbitmqConfig(remarks, [distributionTerms(settings)]), validatedBy(termsCheck)),
  ];
}

/** Reasons for some of the terms; `rabbitmq.conf` has them beside its lines. */
const remarks = [
  "frame_max: prevents headers or arguments that are nested deep enough to crash the broker.",
  "heartbeat: clients of a lost host are disconnected after two missed heartbeats.",
  "log: only errors, which include refused logins, because keepalived's check opens and closes a connection every second.",
  "load_definitions: the administrator's account, so that the management API can be used from the first start.",
];

/** The option is TCP_USER_TIMEOUT by its numbers in Linux, because Erlang has no name for it. */
const lossRemarks = ({ nodeLoss }: BrokerSettings): string[] =>
  nodeLoss
    ? [
        `kernel: the connection to a member is closed when its kernel has acknowledged nothing for ${nodeLoss.timeoutMs} ms, however busy`,
        "its Erlang is: TCP_USER_TIMEOUT, counted from the first retransmission, 0.2 s after sending. cluster_keepalive_interval ensures that something is sent in that time. Not net_ticktime, which members adopt from each other.",
        "net_setuptime: an isolated member tries to connect to each other member before it detects that it is in the minority, and pauses.",
      ]
    : [];

const advancedRemarks = (settings: BrokerSettings): string[] => [
  "Settings that rabbitmq.conf can't express.",
  ...lossRemarks(settings),
];

const numbered = (names: readonly string[]) => names.map((name, index) => ({ number: index + 1, name }));

function confValues(settings: BrokerSettings): RabbitmqConfValues {
  return {
    ...settings,
    clear: { address: "", ...settings.clear },
    tls: settings.tls ?? false,
    management: { plainPort: false, ...settings.management },
    mqtt: settings.mqtt ?? false,
    metricsPort: settings.metricsPort ?? 0,
    tlsVersions: numbered(tlsVersions),
    clustered: settings.nodes.length > 0,
    keepaliveMs: settings.nodeLoss?.keepaliveMs ?? 0,
    raftPollMs: settings.nodeLoss?.raftPollMs ?? 0,
    nodes: numbered(settings.nodes),
    quorumByDefault: settings.defaultQueueType === "quorum",
    // A dot separates the parts of a key.
    loopbackUsers: settings.loopbackUsers.map((user) => user.replaceAll(".", "\\.")),
    ldap: settings.ldap ? ldapValues(settings.ldap) : false,
  };
}

function ldapValues(ldap: LdapSettings): Exclude<RabbitmqConfValues["ldap"], false> {
  return {
    number: ldap.first === "ldap" ? 1 : 2,
    internalNumber: ldap.first === "ldap" ? 2 : 1,
    internalDecides: ldap.authorization === "compatible",
    // advanced.config has the backends.
    listed: ldap.authorization === "internal",
    servers: numbered(ldap.servers),
    port: ldap.port,
    useSsl: ldap.encryption === "ldaps",
    useStartTls: ldap.encryption === "starttls",
    tls: ldap.tls
      ? {
          caFile: ldap.tls.caFile,
          verification: ldap.tls.verify ? "verify_peer" : "verify_none",
          serverName: ldap.tls.serverName ?? "",
        }
      : false,
    timeoutMs: ldap.timeoutMs,
    log: ldap.log,
  };
}

const erl = "/usr/bin/erl";

/** Erlang validates the file if it is installed: files that the first start reads are written before the package. */
const validatedBy = (program: string): Required<Pick<FileModel, "validate" | "validator">> => ({
  validate: [
    erl,
    "-noinput",
    "-boot",
    "start_clean",
    "-eval",
    program.trim().replace(/\s+/g, " "),
    "-extra",
    candidate,
  ],
  validator: erl,
});

/** Checks that Erlang can parse the file, and that it is one property list of applications. */
const termsCheck = `
[File] = init:get_plain_arguments(),
Refuse = fun(Text) -> io:format(standard_error, "~ts~n", [Text]), halt(1) end,
IsApplication = fun({Name, Settings}) -> is_atom(Name) andalso is_list(Settings); (_) -> false end,
case file:consult(File) of
  {ok, [List]} when is_list(List) ->
    case lists:all(IsApplication, List) of
      true -> halt(0);
      false -> Refuse("expected a list of {application, [setting, ...]}")
    end;
  {ok, _} -> Refuse("expected one list of applications");
  {error, Reason} -> Refuse(file:format_error(Reason))
end.`;

/** Runs the broker's own parser with its schemas and those of its plugins, as at each start. Takes a second. */
const confCheck = `
[File] = init:get_plain_arguments(),
Broker = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/*",
[code:add_pathz(Folder) || Folder <- filelib:wildcard(Broker ++ "/ebin")],
Schemas = filelib:wildcard(Broker ++ "/priv/schema/*.schema"),
Faults = fun(List) ->
  [io:format(standard_error, "~ts~n", [cuttlefish_error:xlate(Fault)]) || {error, Fault} <- List],
  halt(1)
end,
case Schemas =:= [] orelse cuttlefish_conf:file(File) of
  true -> halt(0);
  {errorlist, List} -> Faults(List);
  Conf ->
    case cuttlefish_generator:map(cuttlefish_schema:files(Schemas), Conf) of
      {error, _, {errorlist, List}} -> Faults(List);
      _ -> halt(0)
    end
end.`;
