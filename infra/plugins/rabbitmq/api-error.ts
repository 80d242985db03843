import { faultText, ManagementError } from "../../../agents/lib/management.ts";
import { isMap, type Value } from "../lib/values.ts";

/** The broker refused: what was asked of which object, status and reason as it gave them, and what to do. */
export class ApiError extends ManagementError {
  override readonly name = "ApiError";

  constructor(method: string, subject: string, status: number, body: Value) {
    const reason = reasonOf(body);
    const remedy = remedyFor(status, reason);
    const told = `${subject}: the broker answered ${status} to ${method}: ${reason}${remedy ? `; ${remedy}` : ""}`;
    super(told, status, reason);
  }
}

/** `{"error": "bad_request", "reason": "…"}` is the API's own form; anything else comes from something in between. */
function reasonOf(body: Value): string {
  if (isMap(body)) {
    const { reason, error } = body;
    return [error, reason].filter((part) => typeof part === "string" && part !== "").join(": ") || JSON.stringify(body);
  }
  return typeof body === "string" ? body.slice(0, 200) : "no reason given";
}

function remedyFor(status: number, reason: string): string | undefined {
  if (status === 401 && /not.*(management|administrator|policymaker|monitor)/i.test(reason)) {
    return "the provider's user needs the tag administrator";
  }
  if (status === 401) return "check the provider's username and password (rabbitmq:username, rabbitmq:password)";
  if (status === 404) return "what it stands in (vhost, user, exchange or queue) does not exist: create that first";
  if (/inequivalent arg/.test(reason)) {
    return "one of that name exists with other settings: delete it, or import it";
  }
  if (/invalid arg|PRECONDITION_FAILED/i.test(reason)) {
    return "values in `arguments` are sent as strings; numbers and booleans go into `argumentsJson`";
  }
  if (status === 503) return "the broker is starting or stopping; try again";
  return undefined;
}

/** Nobody answered, or not as a management API does. */
export function unreachable(method: string, subject: string, endpoint: string, cause: Error): Error {
  const code = "code" in cause ? String(cause.code) : "";
  const remedy = /CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code)
    ? "name the authority's certificate in rabbitmq:cacertFile"
    : "check rabbitmq:endpoint, and that the broker runs with its rabbitmq_management plugin enabled";
  return new Error(
    `${subject}: ${method}: no answer from ${new URL(endpoint).origin}: ${faultText(cause)}; ${remedy}`,
    { cause },
  );
}
