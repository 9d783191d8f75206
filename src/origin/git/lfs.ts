const start = new TextEncoder().encode('version https://git-lfs.github.com/spec/')

/** Whether a file's content is elsewhere, in Git LFS. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  return start.every((byte, index) => bytes[index] === byte)
}
