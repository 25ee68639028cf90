/** Which hosts a download may ask, and which of them may have the user's token. */

/**
 * @param others addresses that the same download asks
 * @returns what to run with instead where this run may not ask the host of `url`; null where it may (nobody is asked)
 */
export async function missingGrant(url: string, others: readonly string[]): Promise<string | null> {
  const { host } = new URL(url);
  if ((await Deno.permissions.query({ name: "net", host })).state === "granted") return null;
  const hosts = [...new Set([...others.map((other) => new URL(other).host), host])];
  // The set "hub" grants these; a list of hosts on the command line takes the place of its own.
  const listed = hosts.every((name) => /^(huggingface\.co|.+\.huggingface\.co|.+\.hf\.co)$/.test(name));
  return listed ? "-P=hub" : `-P=hub --allow-net=${hosts.join(",")}`;
}

/** The hub's own host, and never in the clear: http is for this machine. */
export function mayHaveToken(url: string, endpoint: string): boolean {
  const downgraded = endpoint.startsWith("https:") && !url.startsWith("https:");
  return sameHost(url, endpoint) && !downgraded && isPrivate(url);
}

/** Whether nobody on the way can read what is sent to an address. */
export function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

export function sameHost(a: string, b: string): boolean {
  return new URL(a).host === new URL(b).host;
}
