import * as pulumi from "@pulumi/pulumi";
import * as runtime from "@pulumi/pulumi/runtime/index.js";

/** For tests: one resource as the program registered it, with names in place of URNs. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Secrets unwrapped. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of secret inputs. */
  readonly secrets: readonly string[];
  readonly parent: string;
  readonly dependencies: readonly string[];
  readonly ignoreChanges: readonly string[];
  /** Id of an imported object; empty if it is created. */
  readonly importId: string;
  /** The engine removes it from the state only. */
  readonly isRetained: boolean;
  /** The resource whose deletion deletes it, too; empty if there is none. */
  readonly deletedWith: string;
}

/** Parts of a request that the mocks don't pass on. */
interface Request {
  getName(): string;
  getParent(): string;
  getDependenciesList(): string[];
  getIgnorechangesList(): string[];
  getImportid(): string;
  getRetainondelete(): boolean;
  getDeletedwith(): string;
}
interface Monitor {
  registerResource(request: Request, answer: unknown): Promise<void>;
}

const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);

/**
 * Replaces the engine with Pulumi's mocks.
 *
 * @param failing name of a resource whose creation fails
 * @returns the resources registered from now on, in order
 */
export async function recordRegistrations(failing?: string): Promise<Registered[]> {
  const registered: Registered[] = [];
  const requests = new Map<string, Request>();
  await pulumi.runtime.setMocks(
    {
      call: ({ inputs }) => inputs,
      newResource: ({ type, name, inputs }) => {
        if (name === failing) throw new Error(`${name} can't be created`);
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
          isRetained: request?.getRetainondelete() ?? false,
          deletedWith: nameOf(request?.getDeletedwith() ?? ""),
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
