import { serveProvider } from "../lib/provider.ts";

serveProvider({ name: "command", version: "1.2.1", config: {}, resources: [] });
