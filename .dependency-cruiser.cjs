// The arrows of ARCHITECTURE.md, enforced by `npm run check`.
const onlyTo = (name, from, allowed, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: from, pathNot: "\\.test\\.ts$" },
  to: { path: "^(infra|templates|agents|scripts|tests)/", pathNot: allowed },
});
/** Of the folders of `scripts` and `tests` each imports those that are named before it alone, of its own part. */
const scriptsUpwards = [
  ["scripts/lib", []],
  ["scripts/engine", ["lib"]],
  ["scripts/traffic", ["lib"]],
  ["scripts/inspect", ["lib", "engine"]],
  ["scripts/change", ["lib", "engine", "inspect"]],
  ["scripts/migrate", ["lib", "engine"]],
  ["scripts/lab", ["lib", "engine", "traffic"]],
  ["scripts/toolchain", ["lib", "engine", "lab"]],
];
const testsUpwards = [
  ["tests/simulation", []],
  ["tests/rigs", []],
  ["tests/docs", []],
  ["tests/faults", []],
  ["tests/flow", ["rigs"]],
  ["tests/sr3", ["rigs"]],
  ["tests/bench", ["rigs", "flow", "sr3"]],
  ["tests/fuzz", ["rigs", "bench"]],
  ["tests/chaos", []],
  ["tests/acceptance", ["rigs", "chaos", "faults"]],
];
const downwards = ([folder, below]) => {
  const part = folder.split("/")[0];
  return {
    name: `${folder.replace("/", "-")}-downwards`,
    severity: "error",
    comment: `${folder} imports of ${part}: ${["itself", ...below].join(", ")}`,
    from: { path: `^${folder}/`, pathNot: "\\.test\\.ts$" },
    to: {
      path: `^${part}/`,
      pathNot: [`^${folder}/`, ...below.map((name) => `^${part}/${name}/`), "^scripts/verbs\\.ts$"],
    },
  };
};
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    onlyTo("agents-lib-alone", "^agents/lib/", ["^agents/lib/"], "agents/lib knows nothing of the rest"),
    {
      name: "agents-apart",
      severity: "error",
      comment: "an agent imports agents/lib and itself; never another agent, infra or Pulumi",
      from: { path: "^agents/([^/]+)/", pathNot: "^agents/lib/|\\.test\\.ts$" },
      to: { path: "^(infra|templates|agents|scripts|tests)/", pathNot: "^agents/(lib|$1)/" },
    },
    {
      name: "agents-without-pulumi",
      severity: "error",
      from: { path: "^agents/" },
      to: { path: "node_modules/@pulumi/" },
    },
    {
      name: "pure-parts-do-no-io",
      severity: "error",
      comment: "model, checks, adopt and commands are pure: no file system, no processes, no network",
      from: { path: "^infra/(model|checks|adopt|commands)/", pathNot: "\\.test\\.ts$|/fixture\\.ts$" },
      to: {
        path: "^(node:)?(fs|fs/promises|child_process|net|http|https|tls|dgram|dns)$|node_modules/(execa|zx|ssh2|undici|@pulumi)/",
      },
    },
    onlyTo("commands-alone", "^infra/commands/", ["^infra/commands/"], "builders of commands stand alone"),
    onlyTo("templates-alone", "^templates/", ["^templates/"], "templates know nothing of the rest"),
    onlyTo(
      "config-alone",
      "^infra/config/",
      ["^infra/config/", "^agents/[^/]+/(delivery-)?config\\.ts$", "^agents/lib/errors\\.ts$"],
      "config is parsed once, and what is an agent's is said by the agent's own schema",
    ),
    onlyTo(
      "model-from-config",
      "^infra/model/",
      [
        "^infra/(model|config|commands)/",
        "^templates/",
        "^agents/[^/]+/config\\.ts$",
        "^agents/lib/(config|dispatch-topics|errors|topology|wis-rules)\\.ts$",
      ],
      "the model reads config, renders templates, builds commands; agent configs are typed by the agents themselves",
    ),
    onlyTo(
      "checks-on-model",
      "^infra/checks/",
      ["^infra/(checks|model|config)/", "^agents/lib/(config|errors)\\.ts$"],
      "checks read the model, and the agents' times",
    ),
    onlyTo(
      "adopt-from-config",
      "^infra/adopt/(?!fixture)",
      [
        "^infra/(adopt|config|commands)/",
        "^infra/plugins/rabbitmq/password-hash\\.ts$",
        "^templates/erlang-terms",
        "^agents/lib/errors\\.ts$",
      ],
      "what was built by hand is read into config",
    ),
    onlyTo(
      "hosts-on-model",
      "^infra/hosts/",
      ["^infra/(hosts|model|commands)/", "^agents/lib/(errors|foreign|atomic-file)\\.ts$"],
      "the door to hosts knows connections, not what anybody asks there",
    ),
    onlyTo(
      "plugins-alone",
      "^infra/plugins/",
      ["^infra/plugins/", "^agents/lib/management\\.ts$"],
      "plugins stand in for official ones: of warren they import the client of the management API alone",
    ),
    {
      name: "infra-below-scripts",
      severity: "error",
      from: { path: "^(infra|templates|agents)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^(scripts|tests)/" },
    },
    ...scriptsUpwards.map(downwards),
    ...testsUpwards.map(downwards),
    {
      name: "tests-above-all",
      severity: "error",
      comment: "what tests are made of is imported by the table of verbs, and by tests",
      from: { path: "^scripts/", pathNot: "^scripts/verbs\\.ts$|\\.test\\.ts$" },
      to: { path: "^tests/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^\\.warren/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".cjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default"],
    },
  },
};
