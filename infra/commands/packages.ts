import { and, type Command, or, run, to } from "./command.ts";

/** dpkg keeps configuration files that are already there: they are ours. */
const dpkgOptions = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
/** Seconds to wait for another apt on the host, e.g. unattended-upgrades. */
const lockOptions = ["-o", "DPkg::Lock::Timeout=120"];

const apt = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", ...lockOptions, ...dpkgOptions, ...words);

const dpkg = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", ...words);

/**
 * Installs packages and holds those that are pinned. The versions come from apt preferences, which must be written
 * before. Packages that are there and as they should be leave apt without work. What a run that was killed has left half installed, which apt does
 * nothing beside, is finished first.
 */
export function installPackages(names: readonly string[], held: readonly string[]): Command {
  const install = to("/dev/null", apt("install", "--no-install-recommends", "--allow-change-held-packages", ...names));
  return and(
    to("/dev/null", apt("update")),
    or(install, and(to("/dev/null", dpkg("--configure", "-a")), install)),
    ...(held.length > 0 ? [to("/dev/null", run("apt-mark", "hold", ...held))] : []),
  );
}

/** Takes packages off with their configuration and what only they needed. */
export function purgePackages(names: readonly string[]): Command {
  return and(
    or(to("/dev/null", run("apt-mark", "unhold", ...names)), run("true")),
    to("/dev/null", apt("purge", "--autoremove", ...names)),
  );
}

/** A system account without a login, with a home that is not made. */
export function makeAccount(name: string, home: string): Command {
  return or(
    to("/dev/null", run("getent", "passwd", name)),
    run(
      "useradd",
      "--system",
      "--user-group",
      "--home-dir",
      home,
      "--no-create-home",
      "--shell",
      "/usr/sbin/nologin",
      name,
    ),
  );
}
