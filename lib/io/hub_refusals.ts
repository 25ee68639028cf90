/** The ways in which the hub says no, in words that tell what to do. */
import type { HubEnvironment } from "./hub_cache.ts";
import { isPrivate } from "./hub_hosts.ts";

/** The hub, or the way to it, says no. The message tells why; of which file, the caller knows. */
export class Refusal extends Error {}

/** The model is there, but not this branch, tag or commit of it. */
export class NoSuchRevision extends Refusal {}

/** What an answer that is no file's says. */
export function refusalOf(
  { status, headers }: Response,
  revision: string,
  { token, endpoint }: HubEnvironment,
): Refusal {
  const start = `the hub answers ${status}`;
  switch (status) {
    case 401:
      if (token !== null && !isPrivate(endpoint)) {
        return new Refusal(
          `${start} (your HF_TOKEN is not sent over http: HF_ENDPOINT must be an https address)`,
        );
      }
      return new Refusal(
        token === null
          ? `${start} (there is no such model, or it is private: set HF_TOKEN)`
          : `${start} (there is no such model, or your HF_TOKEN does not open it)`,
      );
    case 403:
      return new Refusal(`${start} (its terms must be accepted on its page, by the owner of HF_TOKEN)`);
    case 404:
      return headers.get("x-error-code") === "RevisionNotFound"
        ? new NoSuchRevision(`${start} (it has no revision "${revision}")`)
        : new Refusal(`${start} (there is no such model)`);
    case 429:
      return new Refusal(
        `${start} (too many requests: try again later${token === null ? ", or set HF_TOKEN" : ""})`,
      );
    default:
      return new Refusal(start);
  }
}
