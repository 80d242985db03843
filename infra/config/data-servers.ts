import type { DatamartConfig } from "./datamart.ts";
import type { DeliveryConfig } from "./delivery.ts";
import type { StackConfig } from "./schema.ts";

/** A public data server of the config. */
export interface DataServer {
  /** Its key under `warren:`, e.g. `datamarts.dd`. */
  readonly path: string;
  readonly config: DatamartConfig;
  /** The agent that announces what px delivers to it; its unit is `warren-NAME.service`. */
  readonly notifier: "dd-notify" | `notify-${string}`;
  /** The txq of that agent. */
  readonly notifyDirectory: string;
}

/** The public data servers: the one under `warren:datamart`, whose announcing agent is called `dd-notify`, then those by name. */
export function dataServers({ datamart, datamarts }: Pick<StackConfig, "datamart" | "datamarts">): DataServer[] {
  const txq = (config: DatamartConfig, name: string) =>
    config.delivery?.notifyDirectory ?? `/apps/px/txq/dd-notify-${name}`;
  const named = Object.entries(datamarts).map(
    ([name, config]): DataServer => ({
      ...{ path: `datamarts.${name}`, config, notifier: `notify-${name}`, notifyDirectory: txq(config, name) },
    }),
  );
  if (!datamart) return named;
  const notifyDirectory = txq(datamart, "wxo-b1");
  return [{ path: "datamart", config: datamart, notifier: "dd-notify", notifyDirectory }, ...named];
}

/** The settings of deliveries from px to all public data servers. */
export const deliveriesOf = (config: Pick<StackConfig, "datamart" | "datamarts">): DeliveryConfig[] =>
  dataServers(config).flatMap(({ config: { delivery } }) => delivery ?? []);

/** Whether px delivers to any public data server by this protocol. */
export const deliversBy = (
  deliveries: readonly (DeliveryConfig | undefined)[],
  protocol: DeliveryConfig["senders"][string]["protocol"],
): boolean =>
  deliveries.some((delivery) => Object.values(delivery?.senders ?? {}).some((sender) => sender.protocol === protocol));
