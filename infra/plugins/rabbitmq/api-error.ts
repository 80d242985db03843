import { faultText, ManagementError } from "../../../agents/lib/management.ts";
import { isMap, type Value } from "../lib/values.ts";

/** The broker refused a request: method, object, status and reason as it gave them, and a remedy. */
export class ApiError extends ManagementError {
  override readonly name = "ApiError";

  constructor(method: string, subject: string, status: number, body: Value) {
    const reason = reasonOf(body);
    const remedy = remedyFor(status, reason);
    const message = `${subject}: the broker answered ${status} to ${method}: ${reason}${remedy ? `; ${remedy}` : ""}`;
    super(message, status, reason);
  }
}

/** `{"error": "bad_request", "reason": "…"}` is the API's own form; anything else comes from a proxy or another server. */
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
  if (status === 404) return "its vhost, user, exchange or queue does not exist; create that first";
  if (/inequivalent arg/.test(reason)) {
    return "an object of that name exists with other settings; delete or import it";
  }
  if (/invalid arg|PRECONDITION_FAILED/i.test(reason)) {
    return "values in `arguments` are sent as strings; put numbers and booleans into `argumentsJson`";
  }
  if (status === 503) return "the broker is starting or stopping; try again";
  return undefined;
}

/** There was no answer, or it was not from a management API. */
export function unreachable(method: string, subject: string, endpoint: string, cause: Error): Error {
  const code = "code" in cause ? String(cause.code) : "";
  const remedy = /CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code)
    ? "set rabbitmq:cacertFile to the certificate of its CA"
    : "check rabbitmq:endpoint, and that the broker runs with its rabbitmq_management plugin enabled";
  return new Error(
    `${subject}: ${method}: no answer from ${new URL(endpoint).origin}: ${faultText(cause)}; ${remedy}`,
    { cause },
  );
}
