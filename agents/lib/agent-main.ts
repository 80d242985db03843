import { access, constants, mkdir } from "node:fs/promises";
import { join, parse, resolve } from "node:path";
import { parseArgs } from "node:util";
import type * as z from "zod";
import { type CommonConfig, loadConfig, printSchema } from "./config.ts";
import { ConfigError, type ConfigIssue, UserError } from "./errors.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { type AgentHealth, type Health, healthVersion } from "./health.ts";
import { type ExportEntry, readSelection, type Selection, writeExport } from "./journal-export.ts";
import { LifeCycle } from "./life-cycle.ts";
import { createLog, type Log } from "./log.ts";
import { type Answer, Metrics, serveMetrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import { SystemNotify } from "./system-notify.ts";

/** What a run with `--after-end` gets: it acts for an agent whose process has ended. */
export interface EndedContext<C> {
  readonly config: C;
  readonly log: Log;
  /** Where the agent may keep files across restarts. No other process has it. */
  readonly stateDirectory: string;
}

/** What an agent is started with. */
export interface AgentContext<C> extends EndedContext<C> {
  readonly metrics: Metrics;
  readonly lifeCycle: LifeCycle;
}

/** A started agent. */
export interface RunningAgent {
  /** Stops accepting work, settles what is in flight, closes. `deadline` aborts after `shutdownTimeoutMs`. */
  stop(deadline: AbortSignal): Promise<void>;
  status(): AgentHealth;
  /** Answers a question beside `/metrics`; undefined if it has no such path. It must not throw. */
  answer?(url: URL): Answer | undefined;
}

/** What every agent's config needs to run: not every agent is a client of a broker. */
type RunConfig = Omit<CommonConfig, "broker">;

/** One agent as a program. */
export interface AgentProgram<S extends z.ZodType<RunConfig>> {
  readonly name: string;
  readonly configSchema: S;
  start(context: AgentContext<z.infer<S>>): Promise<RunningAgent>;
  /** For an agent that logs in to more than a broker: logs in and exits. @returns its findings. @throws UserError if the login is refused */
  logIn?(config: z.infer<S>): Promise<string>;
  /**
   * For an agent that must answer others even after its process has ended. The unit runs it before the next start, unless the process has
   * drained. The time that it takes delays each restart.
   */
  afterEnd?(context: EndedContext<z.infer<S>>): Promise<void>;
  /**
   * For an agent with a journal of products: the journal's entries, oldest first. Reads without a lock, also while the agent writes; an
   * unfinished end is skipped. May skip entries that are not selected. @throws UserError, or the system's error for a file
   */
  exportJournal?(config: z.infer<S>, stateDirectory: string, selection: Selection): AsyncIterable<ExportEntry>;
}

const statusIntervalMs = 2000;
/** After the drain's deadline, closing sockets and notifying systemd may take this long; then the process exits. */
const closeTimeoutMs = 2000;

/**
 * Runs an agent: `--config FILE` in the foreground until a signal, `--check-config`, `--print-schema`, and for some agents `--log-in`,
 * `--export` or `--after-end`. Resolves to the exit code: 0 for a complete drain, 1 for a failure, 2 for a wrong command line or config.
 */
export async function runAgent<S extends z.ZodType<RunConfig>>(
  program: AgentProgram<S>,
  argv: readonly string[],
): Promise<number> {
  try {
    const options = parseOptions(program, argv);
    if (options.printSchema) {
      process.stdout.write(printSchema(program.configSchema));
      return 0;
    }
    if (options.selection && program.exportJournal) {
      // No secret is read, so the folder of credentials, which only the unit has, need not exist.
      const environment = { CREDENTIALS_DIRECTORY: "", ...process.env };
      const config = await loadConfig(program.configSchema, options.config, environment);
      const stateDirectory = stateDirectoryOf(program.name, options.config);
      await checkReadable(stateDirectory);
      const entries = program.exportJournal(config, stateDirectory, options.selection);
      await writeExport(process.stdout, program.name, entries, options.selection);
      return 0;
    }
    const config = await loadConfig(program.configSchema, options.config);
    if (options.checkConfig) {
      process.stdout.write(`${options.config}: good\n`);
      return 0;
    }
    if (options.logIn && program.logIn) {
      process.stdout.write(`${await program.logIn(config)}\n`);
      return 0;
    }
    if (options.afterEnd && program.afterEnd) {
      // systemd sets it. A process that has drained has left nothing to do.
      if (process.env.SERVICE_RESULT !== "success") await inItsPlace(program, config, options.config);
      return 0;
    }
    return await live(program, config, options.config);
  } catch (error) {
    const userError = error instanceof UserError ? error : explainSystemFault(program.name, error);
    if (!userError) throw error;
    process.stderr.write(`${userError.format()}\n`);
    return userError instanceof ConfigError ? 2 : 1;
  }
}

/** A file that can't be read or a folder that can't be written is a fault of the host, not of the program. */
function explainSystemFault(name: string, error: unknown): UserError | undefined {
  const { path, message } = error as NodeJS.ErrnoException;
  if (path === undefined) return undefined;
  return new UserError(name, `can't start: ${message}`, `check the owner, mode and free space of ${path}`, {
    cause: error,
  });
}

interface Options {
  readonly config: string;
  readonly checkConfig: boolean;
  readonly logIn: boolean;
  readonly afterEnd: boolean;
  readonly printSchema: boolean;
  /** With `--export`. */
  readonly selection?: Selection;
}

interface Abilities {
  readonly name: string;
  readonly logIn?: unknown;
  readonly afterEnd?: unknown;
  readonly exportJournal?: unknown;
}

function parseOptions({ name, logIn, afterEnd, exportJournal }: Abilities, argv: readonly string[]): Options {
  const others = [
    "--check-config",
    ...(logIn ? ["--log-in"] : []),
    ...(afterEnd ? ["--after-end"] : []),
    ...(exportJournal ? ["--export [--since TIME] [--key KEY]"] : []),
  ];
  const usage = `usage: ${name} --config FILE [${others.join(" | ")}] | --print-schema`;
  const issues: ConfigIssue[] = [];
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: "string" },
        "check-config": { type: "boolean", default: false },
        ...(logIn ? { "log-in": { type: "boolean", default: false } } : {}),
        ...(afterEnd ? { "after-end": { type: "boolean", default: false } } : {}),
        export: { type: "boolean", default: false },
        since: { type: "string" },
        key: { type: "string" },
        "print-schema": { type: "boolean", default: false },
      },
    });
    const print = values["print-schema"];
    const selection = readSelection(values.since, values.key, issues);
    if (!print && !values.config) throw new Error("--config FILE is missing");
    if (values.export && !exportJournal) throw new Error(`--export: the ${name} has no journal of products`);
    if (!values.export && Object.keys(selection).length > 0) throw new Error("--since and --key need --export");
    if (issues.length > 0) throw new ConfigError(name, issues, usage);
    return {
      config: values.config ?? "",
      checkConfig: values["check-config"],
      logIn: values["log-in"] === true,
      afterEnd: values["after-end"] === true,
      printSchema: print,
      ...(values.export ? { selection } : {}),
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(name, [{ path: "arguments", message: (error as Error).message }], usage);
  }
}

/** Systemd's StateDirectory, else one for each agent and config beside the config: `bridge/posts.json` has `bridge/.state/bridge/posts`. */
function stateDirectoryOf(name: string, configFile: string): string {
  const { dir, name: configName } = parse(resolve(configFile));
  return process.env.STATE_DIRECTORY ?? join(dir, ".state", name, configName);
}

const lockRemedy =
  "stop that process, or give this one a state folder of its own: another name for its config, or STATE_DIRECTORY";

/** Does what an ended process has left to do. It locks the state folder, so no other process uses it meanwhile. */
async function inItsPlace<S extends z.ZodType<RunConfig>>(
  { name, afterEnd }: AgentProgram<S>,
  config: z.infer<S>,
  configFile: string,
): Promise<void> {
  const stateDirectory = stateDirectoryOf(name, configFile);
  const lock = await lockFolder(stateDirectory, lockRemedy);
  try {
    await afterEnd?.({ config, log: createLog(name, config.log), stateDirectory });
  } finally {
    await lock.release();
  }
}

async function live<S extends z.ZodType<RunConfig>>(
  program: AgentProgram<S>,
  config: z.infer<S>,
  configFile: string,
): Promise<number> {
  const log = createLog(program.name, config.log);
  const onUncaught = (err: Error): void => log.fatal({ err }, "failed with an uncaught error");
  process.on("uncaughtExceptionMonitor", onUncaught);
  const notify = new SystemNotify(log);
  const lifeCycle = new LifeCycle(log, notify);
  const metrics = new Metrics(program.name);
  let agent: RunningAgent | undefined;
  let lock: FolderLock | undefined;
  const pace = new Pace();
  const health = (): Health => ({
    version: healthVersion,
    agent: program.name,
    ...(agent?.status() ?? { ok: false, text: "starting" }),
    lastDoneAt: pace.lastDoneAt,
    donePerMinute: pace.donePerMinute,
    ready: lifeCycle.isReady,
  });
  // By the agent's own judgement, so that an alert needs no thresholds of its own.
  metrics.gauge("healthy", "1 while /health is ok, 0 if a person has to act", (gauge) =>
    gauge.set(Number(health().ok)),
  );
  const server = await serveMetrics(config.metrics, metrics, health, (url) => agent?.answer?.(url));
  try {
    const stateDirectory = stateDirectoryOf(program.name, configFile);
    await makeStateDirectory(stateDirectory);
    lock = await lockFolder(stateDirectory, lockRemedy);
    log.info({ config, metricsPort: server.port, stateDirectory }, "starting");
    notify.startWatchdog();
    agent = await program.start({ config, log, metrics, lifeCycle, stateDirectory });
    const ticker = setInterval(() => {
      const { text, done = 0 } = health();
      pace.count(done, Date.now());
      lifeCycle.status(text);
    }, statusIntervalMs);
    const reason = await lifeCycle.ended;
    clearInterval(ticker);
    const drained = await drain(agent, config.shutdownTimeoutMs, log);
    if ("signal" in reason) return drained ? 0 : 1;
    log.fatal({ err: reason.error }, "failed");
    if (reason.error instanceof UserError) throw reason.error;
    return 1;
  } finally {
    const exit = setTimeout(() => process.exit(1), closeTimeoutMs);
    await server.close();
    await notify.close();
    await lock?.release();
    clearTimeout(exit);
    lifeCycle.dispose();
    process.off("uncaughtExceptionMonitor", onUncaught);
  }
}

async function checkReadable(stateDirectory: string): Promise<void> {
  try {
    await access(stateDirectory, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new UserError(
      "state directory",
      `${stateDirectory} can't be read: ${(error as Error).message}`,
      "run this as the agent's user, and set STATE_DIRECTORY to its folder, e.g. /var/lib/warren/dispatcher",
      { cause: error },
    );
  }
}

/** Creates the folder if it is missing and checks that it is writable, so that an agent does not start work that it can't save. */
async function makeStateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UserError(
      "state directory",
      `${path} can't be used: ${(error as Error).message}`,
      "make it a folder owned by the agent's user, or set STATE_DIRECTORY to such a folder",
      { cause: error },
    );
  }
}

/** True if the agent settled everything in time. Unsettled messages were not acked and are redelivered. */
async function drain(agent: RunningAgent, timeoutMs: number, log: Log): Promise<boolean> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const late = new Promise<"late">((resolve) => {
    deadline.addEventListener("abort", () => setTimeout(() => resolve("late"), closeTimeoutMs).unref(), { once: true });
  });
  try {
    const outcome = await Promise.race([agent.stop(deadline), late]);
    if (outcome === "late" || deadline.aborted) {
      log.error(
        { shutdownTimeoutMs: timeoutMs },
        "not everything was settled in time: unacked messages are redelivered",
      );
      return false;
    }
    log.info("stopped: everything settled");
    return true;
  } catch (error) {
    log.error({ err: error }, "stopping failed: unacked messages are redelivered");
    return false;
  }
}
