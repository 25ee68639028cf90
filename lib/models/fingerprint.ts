/** A short text that differs when the numbers or texts do: SHA-256 in hex. */
export async function fingerprint(data: Float32Array | readonly string[]): Promise<string> {
  const bytes = data instanceof Float32Array
    ? new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
    : new TextEncoder().encode(JSON.stringify(data));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
