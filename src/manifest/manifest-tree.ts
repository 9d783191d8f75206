/** The manifest files of a directory by their texts: what a plan of them is asked for with. */
export interface ManifestTree {
  readonly files: readonly TreeFile[]
  /** The lists that they name, as far as there are any. */
  readonly lists: readonly TreeFile[]
  /** Files that are there and cannot be read, or are not text: what they declared before stays in force. */
  readonly unread: readonly string[]
  /** False when a part of the directory could not be listed: nothing is removed by such a tree. */
  readonly complete: boolean
}

/** A file's name, relative to the directory and with forward slashes, and its text. */
export interface TreeFile {
  readonly file: string
  readonly text: string
}
