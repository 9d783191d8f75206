import { HermesError } from '../../errors.ts'

/** A place in a data file; the line counts from 1. */
export function invalidFile(file: string, line: number | undefined, message: string, fix?: string): HermesError {
  const place = line === undefined ? file : `${file}:${line}`
  return new HermesError('file_source_invalid', `${place}: ${message}`, fix === undefined ? {} : { fix })
}

/** An error of the file system or of decompression, as what it means for a data file. */
export function fileError(error: unknown, file: string): unknown {
  const { code = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  if (code === 'ENOENT') return new HermesError('file_source_missing', `${file} does not exist`)
  if (code === 'EISDIR') return directoryError(file)
  if (['EACCES', 'EPERM', 'EIO', 'EMFILE', 'ENFILE', 'ELOOP'].includes(code)) {
    return new HermesError('file_unreadable', `${file} cannot be read (${code})`, { fix: 'Check its permissions.' })
  }
  if (/^(Z_|ZSTD_|ERR__ERROR_FORMAT)/.test(code)) {
    return invalidFile(file, undefined, `the compressed file is damaged or incomplete: ${message}`)
  }
  return error
}

export function directoryError(path: string): HermesError {
  return new HermesError('file_source_missing', `${path} is a directory`, { fix: `Name its files: ${path}/*.csv` })
}
