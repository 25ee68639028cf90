/** Code of each ASCII letter's complement. */
const complements = Uint8Array.from({ length: 128 }, (_, code) => code);
for (const pair of "AT CG RY KM BV DH at cg ry km bv dh".split(" ")) {
  const [a, b] = [pair.charCodeAt(0), pair.charCodeAt(1)];
  complements[a] = b;
  complements[b] = a;
}
for (const [u, a] of ["UA", "ua"]) complements[u.charCodeAt(0)] = a.charCodeAt(0);

/**
 * The reverse complement, by the IUPAC code in either case; S, W, N and what is no letter of it (gaps) stay as they are, and
 * U gives A.
 */
export function reverseComplement(sequence: string): string {
  const bytes = new TextEncoder().encode(sequence);
  if (bytes.length !== sequence.length) return Array.from(sequence, complementOf).reverse().join("");
  for (let i = 0; i < bytes.length; i++) bytes[i] = complements[bytes[i]];
  return new TextDecoder().decode(bytes.reverse());
}

function complementOf(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 128 ? String.fromCharCode(complements[code]) : character;
}
