import { serveProvider } from "../lib/provider.ts";
import { copyToRemote } from "./copy-to-remote.ts";
import { ConnectionPool } from "./pool.ts";
import { remoteCommand } from "./remote-command.ts";

const pool = new ConnectionPool();

serveProvider({
  name: "command",
  version: "1.2.1",
  config: {},
  resources: [remoteCommand(pool), copyToRemote(pool)],
  close: async () => pool.close(),
});
