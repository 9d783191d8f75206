/** So many frames from this one on. */
export interface FrameRange {
  readonly frame: number
  readonly frames: number
}

/** One file of a buffer. */
export interface SegmentReport {
  readonly file: string
  /** Of the file. */
  readonly bytes: number
  /** With a sound header. */
  readonly frames: number
  /** In those frames. */
  readonly messages: number
  /** Frames that cannot be read: their header is lost, or, as far as that was looked at, their body. */
  readonly damaged: readonly FrameRange[]
  /** At the end, of no whole frame: what is being written, or was when a process was killed. */
  readonly unfinishedBytes: number
}

/** How far a consumer is behind. */
export interface ConsumerReport {
  readonly name: string
  readonly frames: number
  readonly messages: number
  /** Of payloads. */
  readonly bytes: number
}

/** What a buffer holds, acknowledged batches whose file is still there included. */
export interface BufferReport {
  readonly dir: string
  /** Oldest first. */
  readonly segments: readonly SegmentReport[]
  readonly frames: number
  readonly messages: number
  /** Of files. */
  readonly bytes: number
  readonly damagedFrames: number
  readonly consumers: readonly ConsumerReport[]
  /** Nobody knows who the consumers are: the next start gives all of them everything again. */
  readonly areConsumersLost: boolean
}

/** Bytes of files that were looked at by now, of all there were in the beginning. */
export interface BufferProgress {
  readonly bytes: number
  readonly of: number
  readonly damagedFrames: number
}

/** For a look that takes long. */
export interface BufferWatch {
  /** Ends it; it throws the signal's reason. */
  readonly signal?: AbortSignal
  /** Called very often. */
  readonly onProgress?: (progress: BufferProgress) => void
}
