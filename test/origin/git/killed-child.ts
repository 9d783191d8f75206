import { FollowedRepository } from './followed-repository.ts'

const [url = '', home = ''] = process.argv.slice(2)
const followed = await FollowedRepository.open(url, { home })
process.stdout.write('begins\n')
await followed.read()
await new Promise((resolve) => {
  setTimeout(resolve, 10_000)
})
