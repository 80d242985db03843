import * as pulumi from "@pulumi/pulumi";
import * as runtime from "@pulumi/pulumi/runtime/index.js";

/** For tests: one resource as the program registered it. Names stand where the engine has URNs. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Secrets unwrapped. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of the inputs that are secret as a whole. */
  readonly secrets: readonly string[];
  readonly parent: string;
  readonly dependencies: readonly string[];
  readonly ignoreChanges: readonly string[];
  /** Id of what is taken over instead of made; empty where it is made. */
  readonly importId: string;
}

/** What the mocks don't pass on, but the program sends. */
interface Request {
  getName(): string;
  getParent(): string;
  getDependenciesList(): string[];
  getIgnorechangesList(): string[];
  getImportid(): string;
}
interface Monitor {
  registerResource(request: Request, answer: unknown): Promise<void>;
}

const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);

/**
 * Puts Pulumi's mocks in the engine's place.
 *
 * @param failing name of a resource that can't be made
 * @returns what is registered from now on, in order
 */
export async function recordRegistrations(failing?: string): Promise<Registered[]> {
  const registered: Registered[] = [];
  const requests = new Map<string, Request>();
  await pulumi.runtime.setMocks(
    {
      call: ({ inputs }) => inputs,
      newResource: ({ type, name, inputs }) => {
        if (name === failing) throw new Error(`${name} can't be made`);
        const entries = Object.entries(inputs as Record<string, unknown>);
        const request = requests.get(`${type} ${name}`);
        registered.push({
          type,
          name,
          inputs: Object.fromEntries(entries.map(([key, value]) => [key, runtime.unwrapRpcSecret(value)])),
          secrets: entries.flatMap(([key, value]) => (runtime.isRpcSecret(value) ? [key] : [])),
          parent: nameOf(request?.getParent() ?? ""),
          dependencies: (request?.getDependenciesList() ?? []).map(nameOf),
          ignoreChanges: request?.getIgnorechangesList() ?? [],
          importId: request?.getImportid() ?? "",
        });
        return { id: `id of ${name}`, state: inputs };
      },
    },
    "warren",
    "lab",
  );
  const monitor = runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: Request & { getType?(): string }, answer) => {
    requests.set(`${request.getType?.()} ${request.getName()}`, request);
    return register(request, answer);
  };
  return registered;
}
