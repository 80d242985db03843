import { fileURLToPath } from "node:url";
import { type CreateOptions, type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { isList, isMap, isSecret, type PropertyMap, secret, type Value } from "../lib/values.ts";

/** Address and login of a test's broker. */
export interface BrokerAddress {
  readonly managementUrl: string;
  readonly adminUser: string;
  readonly adminPassword: string;
}

export const main = fileURLToPath(new URL("./main.ts", import.meta.url));

/** For tests: this provider as a separate process, and direct access to the broker. */
export interface Conformance {
  readonly provider: ProviderProcess;
  /** Checks and creates, as the engine does; throws if the check fails. */
  make(type: string, inputs: PropertyMap, options?: CreateOptions): Promise<Made>;
  /** A direct call of the management API. `path` is relative to `/api/`. */
  ask(method: string, path: string, body?: Value): Promise<{ readonly status: number; readonly body: Value }>;
  stop(): Promise<void>;
}

/** A created resource, with the inputs as Check returned them. */
export interface Made {
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
}

export async function startConformance(broker: BrokerAddress): Promise<Conformance> {
  const provider = await startProvider(main, {
    endpoint: broker.managementUrl,
    username: broker.adminUser,
    password: secret(broker.adminPassword),
  });
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  return {
    provider,
    async make(type, given, options) {
      const { inputs, failures } = await provider.check(type, given);
      if (failures.length > 0) throw new Error(JSON.stringify(failures));
      const { id, outputs } = await provider.create(type, inputs, options);
      return { id, inputs, outputs };
    },
    async ask(method, path, body) {
      const response = await fetch(`${broker.managementUrl}/api/${path}`, {
        method,
        headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : (JSON.parse(text) as Value) };
    },
    stop: () => provider.stop(),
  };
}

/** The parts of a message that are not inside a secret mark, as text. */
export function inClear(value: Value): string {
  const strip = (item: Value): Value => {
    if (isSecret(item)) return null;
    if (isList(item)) return item.map(strip);
    if (isMap(item)) return Object.fromEntries(Object.entries(item).map(([name, each]) => [name, strip(each)]));
    return item;
  };
  return JSON.stringify(strip(value));
}
