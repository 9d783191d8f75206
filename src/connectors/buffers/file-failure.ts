import { HermesError } from '../../errors.ts'

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** The system's code of a thrown value, `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What the file system refused: `disk_full`, which passes by itself, or `buffer_damaged`. */
export function bufferFailure(error: unknown): HermesError {
  if (error instanceof HermesError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error) ?? ''
  if (full.has(code)) return new HermesError('disk_full', message, { cause: error })
  const fix = ['EACCES', 'EPERM', 'EROFS'].includes(code)
    ? { fix: 'Give the user that Hermes runs as the right to read and write this directory.' }
    : {}
  return new HermesError('buffer_damaged', message, { cause: error, ...fix })
}
