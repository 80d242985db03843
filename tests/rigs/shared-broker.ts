import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";

let shared: LocalBroker | undefined;

/**
 * The broker for one test file, in the state of a new broker: an empty vhost `/` and no others, also after an aborted file. Test files share
 * a process and run one after the other, so the process has one broker: a start takes five seconds of CPU time. Don't stop it. A file may
 * kill, freeze and start it. A file needs its own broker only for other settings, or for two brokers at once.
 */
export async function sharedBroker(): Promise<LocalBroker> {
  shared ??= await startLocalBroker();
  if (shared.pid === undefined) await shared.start();
  const answer = await shared.evaluate(emptied(shared.adminUser));
  if (answer !== "{ok,ok}") throw new Error(`can't empty the shared broker: ${answer}`);
  await shared.keepDeclared();
  return shared;
}

/** An Erlang expression. Deleting a vhost deletes its queues, policies and permissions. The new vhost is as after RabbitMQ's first start. */
function emptied(adminUser: string): string {
  const admin = `<<${JSON.stringify(adminUser)}/utf8>>`;
  const all = '<<".*">>';
  return [
    `[ok = rabbit_vhost:delete(Name, ${admin}) || Name <- rabbit_vhost:list_names()]`,
    "Users = [proplists:get_value(user, User) || User <- rabbit_auth_backend_internal:list_users()]",
    `[ok = rabbit_auth_backend_internal:delete_user(User, ${admin}) || User <- Users, User =/= ${admin}]`,
    `ok = rabbit_vhost:add(<<"/">>, <<"Default virtual host">>, [], ${admin})`,
    `ok = rabbit_auth_backend_internal:set_permissions(${admin}, <<"/">>, ${all}, ${all}, ${all}, ${admin})`,
  ].join(", ");
}
