import { expect, it } from "vitest";
import { render, run } from "../../infra/commands/command.ts";
import { candidate } from "../../infra/commands/files.ts";
import { rabbitmqctl } from "../../infra/commands/rabbitmq.ts";
import { brokerConfigFiles } from "../../infra/model/broker-files.ts";
import { brokerSettings, nodeTimeoutMsOf } from "../../infra/model/broker-settings.ts";
import { configTerms } from "../../infra/model/broker-terms.ts";
import { formatTerm } from "../../templates/erlang-terms.ts";
import { part } from "./one-lab.ts";
import { on, stackConfig, textOf } from "./subject.ts";

/**
 * Erlang that names the settings whose value in the running broker differs from these terms. The order of lists is ignored. Of `log`, to which
 * the parser of `rabbitmq.conf` adds much, only the levels of the categories are compared.
 */
const differing = (terms: string) =>
  `
    Plain = fun Plain(List) when is_list(List) -> lists:sort([Plain(One) || One <- List]);
                Plain({Key, Value}) -> {Plain(Key), Plain(Value)};
                Plain(Other) -> Other end,
    Level = fun(Log) -> [Value || {categories, All} <- Log, {connection, Own} <- All, {level, Value} <- Own] end,
    Shown = fun(log, Value) when is_list(Value) -> Level(Value); (_, Value) -> Plain(Value) end,
    Found = fun(Application, Key) -> case application:get_env(Application, Key) of {ok, Value} -> Shown(Key, Value); _ -> none end end,
    [{Application, Key} || {Application, Settings} <- ${terms}, {Key, Value} <- Settings, Found(Application, Key) =/= Shown(Key, Value)].
  `
    .replace(/\s+/g, " ")
    .trim();

/** Compares every broker of the stack with its configuration. */
export function brokerConfig(): void {
  part("the configuration of a broker", () => {
    it("is accepted by the broker's own parser, which was not installed yet when the file was written", async () => {
      for (const { cluster, broker, member, nodeTimeoutMs } of await members()) {
        for (const { path, validate = [] } of brokerConfigFiles(cluster, broker, nodeTimeoutMs)) {
          expect(validate.length, path).toBeGreaterThan(0);
          await on(member, render(run(...validate.map((word) => word.replace(candidate, path)))));
        }
      }
    });

    it("matches every setting of the running broker, in either format", async () => {
      for (const { cluster, broker, member, nodeTimeoutMs } of await members()) {
        const terms = formatTerm(configTerms(brokerSettings(cluster, broker, nodeTimeoutMs)));
        expect(await textOf(member, render(rabbitmqctl("eval", differing(terms)))), `${cluster} on ${member}`).toBe(
          "[]",
        );
      }
    });
  });
}

async function members() {
  const { brokers, virtualIps } = await stackConfig();
  return Object.entries(brokers).flatMap(([cluster, broker]) =>
    broker.members.map((member) => ({ cluster, broker, member, nodeTimeoutMs: nodeTimeoutMsOf(virtualIps, broker) })),
  );
}
