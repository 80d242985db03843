import { type RabbitmqConfValues, renderRabbitmqConf, renderRabbitmqConfig } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { traitsOf } from "../config/series.ts";
import { type BrokerSettings, brokerSettings, type LdapSettings, tlsVersions } from "./broker-settings.ts";
import { advancedTerms, configTerms } from "./broker-terms.ts";
import { rootFile } from "./files.ts";
import type { FileModel } from "./types.ts";

/** The configuration of a cluster's members in the form that their series reads. */
export function brokerConfigFiles(clusterName: string, broker: BrokerConfig): FileModel[] {
  const settings = brokerSettings(clusterName, broker);
  if (traitsOf(broker.series).configuration === "terms") {
    return [
      rootFile("/etc/rabbitmq/rabbitmq.config", renderRabbitmqConfig(remarks, [configTerms(settings)]), {
        validate: termsCheck,
      }),
    ];
  }
  const advanced = advancedTerms(settings);
  return [
    rootFile("/etc/rabbitmq/rabbitmq.conf", renderRabbitmqConf(confValues(settings)), { validate: confCheck }),
    ...(advanced
      ? [
          rootFile(
            "/etc/rabbitmq/advanced.config",
            renderRabbitmqConfig(["What rabbitmq.conf can't say."], [advanced]),
            {
              validate: termsCheck,
            },
          ),
        ]
      : []),
  ];
}

/** Why some of the terms are as they are; `rabbitmq.conf` has the same words beside its lines. */
const remarks = [
  "heartbeat: clients of a lost host are let go after two missed beats.",
  "log: errors, refused logins among them; keepalived's check opens and leaves a connection every second.",
  "load_definitions: the administrator's account, so that the management API can be used from the first boot on.",
];

const numbered = (names: readonly string[]) => names.map((name, index) => ({ number: index + 1, name }));

function confValues(settings: BrokerSettings): RabbitmqConfValues {
  return {
    ...settings,
    clear: { address: "", ...settings.clear },
    tls: settings.tls ?? false,
    tlsVersions: numbered(tlsVersions),
    clustered: settings.nodes.length > 0,
    nodes: numbered(settings.nodes),
    // A dot in a key separates its words.
    loopbackUsers: settings.loopbackUsers.map((user) => user.replaceAll(".", "\\.")),
    ldap: settings.ldap ? ldapValues(settings.ldap) : false,
  };
}

function ldapValues(ldap: LdapSettings): Exclude<RabbitmqConfValues["ldap"], false> {
  return {
    internalDecides: ldap.authorization === "internal",
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

/** argv that has Erlang judge a file, where the broker is there: before its first start nothing can, and the file is there first. */
const judgedBy = (erlang: string): string[] => [
  "sh",
  "-c",
  'test -x /usr/lib/rabbitmq/bin/rabbitmq-server || exit 0; exec erl -noinput -boot start_clean -eval "$1" -extra "$2"',
  "sh",
  erlang,
  candidate,
];

/** Erlang reads it, and it is one property list of applications. */
const termsCheck = judgedBy(
  [
    "[File] = init:get_plain_arguments(),",
    'Say = fun(Text) -> io:format(standard_error, "~ts~n", [Text]), halt(1) end,',
    "IsApp = fun({App, Settings}) -> is_atom(App) andalso is_list(Settings); (_) -> false end,",
    "case file:consult(File) of",
    "{ok, [Apps]} when is_list(Apps) ->",
    'case lists:all(IsApp, Apps) of true -> halt(0); false -> Say("a list of {application, settings} is expected") end;',
    '{ok, _} -> Say("one list of applications is expected");',
    "{error, Reason} -> Say(file:format_error(Reason)) end.",
  ].join(" "),
);

/** The broker's own reader with the schemas of the broker and of its plugins: what it does at each start. Takes a second. */
const confCheck = judgedBy(
  [
    "[File] = init:get_plain_arguments(),",
    'Plugins = hd(filelib:wildcard("/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins")),',
    '[code:add_pathz(Folder) || Folder <- filelib:wildcard(Plugins ++ "/*/ebin")],',
    'Schema = cuttlefish_schema:files(filelib:wildcard(Plugins ++ "/*/priv/schema/*.schema")),',
    "Read = case cuttlefish_conf:file(File) of",
    "{errorlist, Faults} -> {error, read, {errorlist, Faults}};",
    "Conf -> cuttlefish_generator:map(Schema, Conf) end,",
    "case Read of",
    "{error, _, {errorlist, All}} ->",
    '[io:format(standard_error, "~ts~n", [cuttlefish_error:xlate(Fault)]) || {error, Fault} <- All], halt(1);',
    "_ -> halt(0) end.",
  ].join(" "),
);
