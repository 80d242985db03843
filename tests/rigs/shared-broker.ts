import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";

let shared: LocalBroker | undefined;

/**
 * A broker for one file of tests: as one that has just started, with vhost `/` alone and nothing in it, also where the file before was broken
 * off. It is this process's only one, since files share a process and run one after the other there: a start takes five seconds of a processor.
 * So nobody stops it. A file may kill, freeze and start it, and needs one of its own only for other settings, or for two at once.
 */
export async function sharedBroker(): Promise<LocalBroker> {
  shared ??= await startLocalBroker();
  if (shared.pid === undefined) await shared.start();
  const answer = await shared.evaluate(emptied(shared.adminUser));
  if (answer !== "{ok,ok}") throw new Error(`the shared broker could not be emptied: ${answer}`);
  await shared.keepDeclared();
  return shared;
}

/** An Erlang expression. Queues, policies and permissions go with their vhost; the new one has what RabbitMQ gives the vhost of a first start. */
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
