import { bitbucket } from './bitbucket.ts'
import { generic } from './generic.ts'
import { gitea } from './gitea.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import type { HookHost } from './hook-host.ts'

/** Every Git host whose webhooks are understood; the first that recognises one has it. Gitea also says what GitHub says. */
export const hosts: readonly HookHost[] = [generic, gitea, gitlab, bitbucket, github]
