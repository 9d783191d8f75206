import { PassThrough } from 'node:stream'
import { HermesError } from '../../errors.ts'
import type { GitAnswer, RunGit } from './git-command.ts'
import { gitFailure } from './git-failure.ts'

/** What is known of an object without its content. */
export interface ObjectInfo {
  readonly oid: string
  readonly type: 'blob' | 'tree' | 'commit' | 'tag'
  /** Bytes. */
  readonly size: number
}

/** One object of a clone. */
export interface StoredObject extends ObjectInfo {
  readonly bytes: Buffer
}

/** Reads objects of one clone, by one git that answers as long as it is open; what a fetch brings meanwhile is seen. */
export interface ObjectReader extends AsyncDisposable {
  /** By name (an id, `main^{commit}`, `<commit>:<path>`; without line breaks), in their order; undefined for what is not there. */
  infos(names: readonly string[]): Promise<readonly (ObjectInfo | undefined)[]>
  /** The same with contents. */
  objects(names: readonly string[]): Promise<readonly (StoredObject | undefined)[]>
}

type Answer = ObjectInfo | StoredObject | undefined

/** Answers that are still to come, and who waits for them. */
interface Question {
  readonly withContents: boolean
  readonly count: number
  readonly answers: Answer[]
  readonly resolve: (answers: readonly Answer[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Opens a reader of the clone in `dir`. Its questions reject with why git failed, with `git_failed` when it printed what
 * nobody understands, and with the signal's reason when that aborts.
 * Protocol: `git cat-file --batch-command --buffer`, Git 2.36 and later.
 */
export function openObjectReader(run: RunGit, dir: string, signal: AbortSignal): ObjectReader {
  return new Conversation(run, dir, signal)
}

class Conversation implements ObjectReader {
  readonly #input = new PassThrough()
  readonly #questions: Question[] = []
  readonly #over: Promise<void>
  readonly #stopped = new AbortController()
  #parts: Buffer[] = []
  #length = 0
  /** Bytes that have to be there before it is worth looking again. */
  #needed = 1
  #failure: unknown

  constructor(run: RunGit, dir: string, signal: AbortSignal) {
    const either = AbortSignal.any([signal, this.#stopped.signal])
    const args = ['--git-dir', dir, 'cat-file', '--batch-command', '--buffer']
    const output = (part: Buffer): void => this.#hear(part)
    this.#over = run({ args, stdin: this.#input, signal: either, output }).then(
      (answer) => this.#end(answer),
      (error: unknown) => this.#fail(error),
    )
  }

  async infos(names: readonly string[]): Promise<readonly (ObjectInfo | undefined)[]> {
    return await this.#ask('info', names)
  }

  async objects(names: readonly string[]): Promise<readonly (StoredObject | undefined)[]> {
    return (await this.#ask('contents', names)) as readonly (StoredObject | undefined)[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#input.end()
    await this.#over
  }

  async #ask(command: 'info' | 'contents', names: readonly string[]): Promise<readonly Answer[]> {
    if (names.length === 0) return []
    if (this.#failure !== undefined) throw this.#failure
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>()
    const withContents = command === 'contents'
    this.#questions.push({ withContents, count: names.length, answers: [], resolve, reject })
    this.#input.write(`${names.map((name) => `${command} ${name}\n`).join('')}flush\n`)
    return await promise
  }

  #hear(part: Buffer): void {
    this.#parts.push(part)
    this.#length += part.length
    if (this.#length < this.#needed) return
    const heard = this.#parts.length === 1 ? part : Buffer.concat(this.#parts)
    try {
      const rest = heard.subarray(this.#take(heard))
      this.#parts = [rest]
      this.#length = rest.length
    } catch (error) {
      this.#fail(error)
      this.#stopped.abort()
    }
  }

  /** Hands out whole answers; resolves to where the first unfinished one begins. */
  #take(heard: Buffer): number {
    let start = 0
    for (let [question] = this.#questions; question !== undefined; [question] = this.#questions) {
      const line = heard.indexOf(0x0a, start)
      this.#needed = heard.length - start + 1
      if (line < 0) return start
      const info = parseHeader(heard.toString('utf8', start, line))
      let next = line + 1
      if (info !== undefined && question.withContents) next += info.size + 1
      this.#needed = next - start
      if (next > heard.length) return start
      question.answers.push(answerOf(info, question, heard.subarray(line + 1, next - 1)))
      start = next
      if (question.answers.length < question.count) continue
      this.#questions.shift()
      question.resolve(question.answers)
    }
    this.#needed = 1
    return start
  }

  #end(answer: GitAnswer): void {
    this.#fail(
      answer.code === 0
        ? new HermesError('git_failed', 'the reader of objects has ended')
        : gitFailure('read objects', answer),
    )
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    for (const { reject } of this.#questions.splice(0)) reject(this.#failure)
  }
}

function answerOf(info: ObjectInfo | undefined, { withContents }: Question, bytes: Buffer): Answer {
  if (info === undefined) return undefined
  return withContents ? { ...info, bytes } : info
}

/** `<oid> SP <type> SP <size>`, or `<name> SP missing`, where the name may hold blanks. */
function parseHeader(line: string): ObjectInfo | undefined {
  if (line.endsWith(' missing')) return undefined
  const [, oid = '', type = '', size] = /^([0-9a-f]+) (blob|tree|commit|tag) (\d+)$/.exec(line) ?? []
  if (oid === '') throw new HermesError('git_failed', `git cat-file printed ${JSON.stringify(line.slice(0, 200))}`)
  return { oid, type: type as ObjectInfo['type'], size: Number(size) }
}
