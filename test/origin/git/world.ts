import { expect } from 'vitest'
import type { Snapshot } from '../../../src/origin/origin.ts'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { Upstream } from './upstream.ts'

/** A repository with two manifests, and one who follows it and has them in force. */
export class World implements AsyncDisposable {
  readonly upstream: Upstream
  readonly followed: FollowedRepository
  readonly before: Snapshot

  private constructor(upstream: Upstream, followed: FollowedRepository, before: Snapshot) {
    this.upstream = upstream
    this.followed = followed
    this.before = before
  }

  static async create(): Promise<World> {
    const upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a'), 'sub/b.yaml': sourceText('b') })
    const followed = await FollowedRepository.open(upstream.path)
    const before = await followed.read()
    expect(namesOf(before)).toEqual(['a', 'b'])
    return new World(upstream, followed, before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.followed[Symbol.asyncDispose]()
    await this.upstream[Symbol.asyncDispose]()
  }
}
