/** What a checkout without Git LFS has in place of a large file. */
export const lfsPointer = `version https://git-lfs.github.com/spec/v1
oid sha256:${"4d".repeat(32)}
size 223456789
`;
