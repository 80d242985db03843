import { type Logger, pino } from "pino";
import type { LogConfig } from "./config.ts";

export type Log = Logger;

/**
 * JSON lines to standard output, which systemd keeps in the journal. Fields that could hold a secret are redacted at any depth.
 */
export function createLog(agent: string, config: LogConfig): Log {
  return pino({
    name: agent,
    level: config.level,
    base: { agent, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ["password", "*.password", "*.*.password", "secret", "*.secret", "authorization"],
      censor: "[redacted]",
    },
  });
}
