import { HermesError } from '../../errors.ts'

/** One answer of `git cat-file --batch`; absent bytes for an object that is not there. */
export interface Blob {
  readonly oid: string
  readonly bytes: Buffer | undefined
}

/** What `git cat-file --batch` prints: `<oid> SP <type> SP <size> LF <bytes> LF`, or `<oid> SP missing LF`. */
export function* parseBlobs(output: Buffer): Generator<Blob> {
  for (let start = 0; start < output.length; ) {
    const line = output.indexOf(0x0a, start)
    if (line < 0) throw new HermesError('git_failed', 'git cat-file ended in the middle of a line')
    const [oid = '', type = '', size] = output.toString('latin1', start, line).split(' ')
    if (type === 'missing') {
      yield { oid, bytes: undefined }
      start = line + 1
      continue
    }
    const end = line + 1 + Number(size)
    if (!(end < output.length)) throw new HermesError('git_failed', 'git cat-file ended in the middle of an object')
    yield { oid, bytes: output.subarray(line + 1, end) }
    start = end + 1
  }
}
