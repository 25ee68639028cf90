/** Everything that the numbers of a run depend on, flags by their names on the command line: tells runs apart. */
export type Identity = Readonly<Record<string, unknown>>;

/** A short text that differs when the numbers or texts do: SHA-256 in hex. */
export async function fingerprint(data: Float32Array | Float64Array | readonly string[]): Promise<string> {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
    : new TextEncoder().encode(JSON.stringify(data));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** 16 hex digits that stand for an identity, in summary.json and manifest.json. */
export async function runIdOf(identity: Identity): Promise<string> {
  return (await fingerprint([JSON.stringify(identity)])).slice(0, 16);
}

/** In what two runs differ, such as "--seed was 42, now it is 7"; null where they are one. */
export function differenceOf(theirs: Identity, ours: Identity): string | null {
  for (const key of Object.keys({ ...ours, ...theirs })) {
    const [was, is] = [theirs[key], ours[key]].map((value) => JSON.stringify(value) ?? "none");
    if (was === is) continue;
    return key.startsWith("--") ? `${key} was ${was}, now it is ${is}` : `the ${key} were others`;
  }
  return null;
}
