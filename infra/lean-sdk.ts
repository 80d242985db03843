// Loaded before Pulumi's SDK, by Pulumi.yaml. What it leaves out took a fifth of a preview's time.
import { registerHooks } from "node:module";

/**
 * Modules that the SDK loads and this program never uses: the automation API; npm's own library, which finds the packages of functions that are sent to
 * the cloud; the TypeScript compiler, which reads such functions; and source maps. Node only blanks out the types of this program, so positions are
 * those of the source.
 */
const unused = new Set(["./automation", "@npmcli/arborist", "source-map-support/register", "typescript"]);
const empty = "warren:empty";

registerHooks({
  resolve: (specifier, context, next) =>
    unused.has(specifier) && context.parentURL?.includes("/@pulumi/pulumi/")
      ? { url: empty, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url === empty ? { format: "commonjs", source: "", shortCircuit: true } : next(url, context),
});

// The SDK takes a stack trace for each promise. One line of it is enough to find a fault.
Error.stackTraceLimit = 1;
